"""Who did what: rows that are added and never changed.

The database itself refuses UPDATE, DELETE and TRUNCATE, by triggers that `0016_audit` makes. The
one way out is a cut at a date, for retention (`backups/shared/audit_cut.py`). Within its own
transaction it puts a row into AuditCut; the trigger lets rows go that are older than what stands
there. Such a row cannot be left behind: its foreign key leads nowhere and is looked at when the
transaction is committed, so a commit with it in the table fails, on SQLite as on PostgreSQL. Nobody
else sees it before that. So ordinary code finds no open door, and a killed cut leaves none.

Who owns the database can drop triggers; lines that were shipped elsewhere are out of his reach. A
migration that alters the table on SQLite makes it anew, without its triggers: it has to make them
again, and `backups/tests/models/test_audit.py` fails until it does.
"""

from typing import Final

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from backups.models.access import Access
from backups.models.columns import CodePointText

LONGEST_NAME: Final = 200  # characters of a name, an ID, a cloud
LONGEST_SENTENCE: Final = 500  # characters
LONGEST_BEGINNING: Final = 16  # characters of a token's key
LONGEST_ADDRESS: Final = 64
LONGEST_REQUEST_ID: Final = 64


class ActorKind(models.TextChoices):
    """Who acts: a person in a browser, a script with a token, or vbsdash and who runs it."""

    USER = "user"
    TOKEN = "token"  # noqa: S105
    SYSTEM = "system"


class Verb(models.TextChoices):
    """What was done. Scripts and filters hold on to these words: more may come, none changes."""

    BACKUP_TRACK = "backup.track"
    BACKUP_MOVE = "backup.move"  # it was tracked under another cloud
    BACKUP_UNTRACK = "backup.untrack"  # it is in the trash from then on
    BACKUP_RESTORE = "backup.restore"  # out of the trash
    BACKUP_PURGE = "backup.purge"  # it was in the trash for too long
    BACKUP_REFRESH = "backup.refresh"  # asked about now
    BACKUP_EDIT = "backup.edit"  # note, tags
    VOLUME_REGISTER = "volume.register"
    VOLUME_REMOVE = "volume.remove"  # what was registered by hand
    VOLUME_EDIT = "volume.edit"  # label, note, tags, follow, exemption, rule
    RULE_SET = "rule.set"
    RULE_REMOVE = "rule.remove"
    CLOUD_TEST = "cloud.test"
    ALARM_ACKNOWLEDGE = "alarm.acknowledge"
    ALARM_TAKE_BACK = "alarm.take_back"  # an acknowledgement
    SILENCE_BEGIN = "silence.begin"
    SILENCE_END = "silence.end"
    DELIVERY_AGAIN = "delivery.again"
    CHANNEL_TEST = "channel.test"
    TOKEN_CREATE = "token.create"  # noqa: S105
    TOKEN_REVOKE = "token.revoke"  # noqa: S105
    TOKEN_REFUSED = "token.refused"  # noqa: S105 - a key that opens nothing
    ACCOUNT_CREATE = "account.create"
    ACCOUNT_EDIT = "account.edit"  # role, clouds, switched off and on
    ACCOUNT_DELETE = "account.delete"
    ACCOUNT_PASSWORD = "account.password"  # noqa: S105
    SESSION_BEGIN = "session.begin"
    SESSION_REFUSED = "session.refused"  # a wrong name or password
    SESSION_PAUSED = "session.paused"  # too many of them
    SESSION_END = "session.end"
    SESSION_END_OTHERS = "session.end_others"
    ACCESS_REFUSED = "access.refused"  # the role does not allow it
    ADMINISTRATION = "administration"  # Django's own, /admin/
    DATA_RESTORE = "data.restore"
    AUDIT_PRUNE = "audit.prune"
    COMMAND_RUN = "command.run"


class ObjectKind(models.TextChoices):
    """What was acted on. The ID of a volume is told with its cloud; of an account it is the name,
    of a token, an alarm or a silence its number, of a session the account's name, of a rule of a
    tag the tag.
    """

    BACKUP = "backup"
    VOLUME = "volume"
    RULE = "rule"
    CLOUD = "cloud"
    ALARM = "alarm"
    SILENCE = "silence"
    CHANNEL = "channel"
    TOKEN = "token"  # noqa: S105
    VIEW = "view"
    ACCOUNT = "account"
    SESSION = "session"
    SETTING = "setting"
    COMMAND = "command"
    PAGE = "page"


class Outcome(models.TextChoices):
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def visible_to(self, access: Access, user: User) -> "AuditQuerySet":
        """Returns what an admin may read: of some clouds only, the rows of these clouds, and those
        without a cloud that he made or that are about his own account. Rows know names alone, so
        those of before his account are of somebody else who had its name.
        """
        if access.clouds is None:
            return self
        name = user.get_username()
        by_himself = Q(actor=name, actor_kind__in=(ActorKind.USER, ActorKind.TOKEN))
        about_himself = Q(object_id=name, object_kind__in=(ObjectKind.ACCOUNT, ObjectKind.SESSION))
        unplaced = Q(cloud__isnull=True, at__gte=user.date_joined)
        of_nobody = unplaced & ~Q(actor="") & by_himself
        own = unplaced & about_himself
        return self.filter(Q(cloud__in=access.clouds) | of_nobody | own)


class AuditEntry(models.Model):
    """One act. Names, IDs and clouds are texts, so that rows outlive what they name. What cannot be
    told is an empty text. The words are in no `choices`: a new one is no migration.
    """

    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=8)
    actor = CodePointText()  # the account's name; of the system the task's or that of who ran it
    token = models.CharField(max_length=LONGEST_BEGINNING, blank=True)  # the beginning of its key
    token_name = models.TextField(blank=True)
    client = models.CharField(max_length=LONGEST_ADDRESS, blank=True)  # an address
    # Of the request, else of the task.
    request_id = models.CharField(max_length=LONGEST_REQUEST_ID, blank=True)
    verb = models.CharField(max_length=32)
    object_kind = models.CharField(max_length=16)
    object_id = CodePointText()
    cloud = CodePointText(null=True)
    before = models.JSONField(null=True)  # only what changed, by name
    after = models.JSONField(null=True)
    outcome = models.CharField(max_length=8)
    sentence = models.TextField(blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = (
            models.Index(fields=["-at", "id"], name="audit_at"),
            models.Index(fields=["object_kind", "object_id", "-at"], name="audit_object"),
            models.Index(fields=["actor", "-at"], name="audit_actor"),
        )

    def __str__(self) -> str:
        return f"{self.verb} {self.object_id} by {self.actor}"


class AuditCut(models.Model):
    """See above: holds a row only while a cut is being made."""

    before = models.DateTimeField()
    # Of an entry that there is never.
    nothing = models.ForeignKey(AuditEntry, models.DO_NOTHING, related_name="+")

    def __str__(self) -> str:
        return f"before {self.before:%Y-%m-%d}"
