"""A volume: what the cloud's list says of it, what operators set, and the instants at
which its protection changes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Concat

from backups.analysis.facts import SKEW
from backups.models.access import FULL_ACCESS, Access, OfClouds
from backups.models.backup import Backup
from backups.models.cloud import SILENT_AFTER, Cloud, CloudQuerySet
from backups.models.columns import CodePointText, EmptyIsNull, unindexed
from backups.models.rule import RuleColumns
from backups.vbs.statuses import FAILED

# Lists and single answers may write one time with and without its fraction.
SAME_TIME = timedelta(seconds=1)
# So long a list of backups proves that there is none beside the known ones.
LISTED_FOR = timedelta(hours=1)
# So long a reading of the policies counts; they are read hourly.
POLICIES_READ_FOR = timedelta(hours=3)
SCHEDULES = ("scheduled", "off", "none", "unknown")


def read_lately(now: datetime) -> CloudQuerySet:
    """Returns the clouds of which the policies were read lately."""
    clouds = Cloud.objects.filter(
        is_configured=True,
        service_ended_at=None,
        policies_read_at__gt=now - POLICIES_READ_FOR,
    )
    return clouds.order_by()


def _wholly_read(now: datetime) -> CloudQuerySet:
    """Returns the clouds of which the policies were read lately, and those of the
    other service of the project too; one of both may have ended.
    """
    heard = read_lately(now)
    ended = Cloud.objects.filter(service_ended_at__isnull=False).order_by()
    is_read = Q(name__in=heard)
    is_other_read = Q(other_service__in=heard)
    is_other_silent = Q(other_service=None) | Q(other_service__in=ended)
    has_ended = Q(service_ended_at__isnull=False)
    clouds = Cloud.objects.filter(
        is_read & (is_other_read | is_other_silent) | has_ended & is_other_read
    )
    return clouds.order_by()


def shown_name(path: str = "") -> Coalesce:
    """Returns what pages call a volume: its label, its name in the cloud, else its ID. `path` leads
    to the volume, as `volume__`.
    """
    return Coalesce(
        EmptyIsNull(f"{path}label"),
        EmptyIsNull(f"{path}name"),
        f"{path}volume_id",
        output_field=CodePointText(),
    )


class VolumeQuerySet(OfClouds["Volume"]):
    def with_protection(self, now: datetime) -> "VolumeQuerySet":
        """Annotates `followed`, `has_others` and `protection` at `now`:
        the twin of `analysis.protection.protection`.
        """
        is_known = Q(
            Q(last_good_at=None) | Q(last_good__isnull=False) & ~Q(last_good__in=_stale(now)),
            cloud__last_good_at__gt=now - SILENT_AFTER,
            cloud__backups_listed_at__gt=now - LISTED_FOR,
        )
        is_unprotected = Q(last_good_at__isnull=True) | Q(late_at__lte=now)
        return self.with_followed().annotate(
            has_others=Case(
                When(is_unprotected & _has_others(now), then=Value(True)),
                default=Value(False),
                output_field=BooleanField(),
            ),
            protection=Case(
                When(deleted_at__isnull=False, then=Value("deleted")),
                When(_exempt(now), then=Value("exempt")),
                When(followed=False, then=Value("unknown")),
                When(~is_known, then=Value("unknown")),
                When(last_good_at__isnull=True, undated=True, then=Value("unknown")),
                When(has_others=True, then=Value("unknown")),
                When(last_good_at__isnull=True, then=Value("never")),
                When(late_at__gt=now, then=Value("protected")),
                When(overdue_at__gt=now, then=Value("late")),
                default=Value("overdue"),
                output_field=CharField(),
            ),
        )

    def with_schedule(self, now: datetime) -> "VolumeQuerySet":
        """Annotates `schedule` at `now`: scheduled, off, none, or unknown once the policies that
        say so were not read lately.

        That a policy has the volume is said by that policy's cloud alone; that it is off, or that
        none has it, by both services of the project, but for one that has ended.
        """
        heard = read_lately(now)
        is_by_all = Q(cloud__in=_wholly_read(now))
        is_known = Q(schedule_read="scheduled", policy__cloud__in=heard) | is_by_all & (
            ~Q(schedule_read="scheduled") | Q(policy=None)
        )
        return self.annotate(
            schedule=Case(
                When(is_known, then=F("schedule_read")),
                default=Value("unknown"),
                output_field=CharField(),
            )
        )

    def counted(self, access: Access = FULL_ACCESS) -> "VolumeQuerySet":
        """Returns each volume once: of one that two services of a project show, the row under
        which it is counted, as far as that is open to whoever asks.
        """
        if access.clouds is None:
            return self.filter(counted_under=None)
        return self.exclude(counted_under__in=access.clouds)

    def with_known_servers(self, now: datetime) -> "VolumeQuerySet":
        """Returns those of which a list has told lately to which servers they are attached."""
        return self.filter(server_ids__isnull=False, listed_at__gt=now - POLICIES_READ_FOR)

    def expected(self, now: datetime) -> "VolumeQuerySet":
        """Returns those of which a backup is expected: neither deleted nor exempt."""
        return self.filter(~_exempt(now), deleted_at=None)

    def named_otherwise(self) -> "VolumeQuerySet":
        """Returns those that have other names than the searched texts of their backups hold."""
        is_named = ~Q(label=None, name=None)
        names = Concat("label", Value("\n"), "name", output_field=models.TextField())
        is_outdated = Q(searched_as=None) & is_named | ~Q(searched_as=names)
        return self.filter(is_outdated)

    def with_followed(self) -> "VolumeQuerySet":
        """Annotates `followed`: is every new backup of it found? As set for the volume,
        else as `vbs_follow` says.

        `disks` follows those with a tracked backup; where the cloud lists none at all there
        is none to miss.
        """
        by_volume = Q(cloud__follow="disks") & (Q(tracked__gt=0) | Q(listed_backups=0))
        return self.annotate(
            followed=Case(
                When(follow__isnull=False, then=F("follow")),
                When(Q(cloud__follow="all") | by_volume, then=Value(True)),
                default=Value(False),
                output_field=BooleanField(),
            )
        )


def _has_others(now: datetime) -> Q:
    """Tells whether there may be a good backup beside the known ones, newer than the last good one.

    The list names one that the cloud has not answered for; or one is tracked under another name of
    the same project, which answers; or the other service of its project does not answer; or none is
    known to be good, and no whole list was looked through since the volume is known.
    """
    never_counted = Q(listed_backups__isnull=True)
    none_is_good = Q(last_good_at__isnull=True) & (
        never_counted | Q(listed_backups__gt=F("known_backups"))
    )
    newest_unknown = Q(newest_listed_at__isnull=False) & (
        Q(newest_known_at__isnull=True)
        | Q(also_under=None, newest_listed_at__gt=F("newest_known_at") + SAME_TIME)
        # Two services may write the time of one backup so far apart.
        | Q(also_under__isnull=False, newest_listed_at__gt=F("newest_known_at") + SKEW)
    )
    # Looked for in each other cloud, which are few: an index finds the volume's backups there. What
    # the other service of its project tracks is known of this row too.
    other_service = Coalesce(OuterRef("also_under"), Value(""), output_field=CodePointText())
    good_here_at = ExpressionWrapper(
        OuterRef(OuterRef("last_good_at")), models.DateTimeField(null=True)
    )
    is_newer = (
        Q(good_here_at__isnull=True)
        | Q(created_at__isnull=True)
        | Q(created_at__gt=F("good_here_at"))
    )
    newer_good = (
        Backup.objects.filter(
            cloud=OuterRef("name"), volume_id=OuterRef(OuterRef("volume_id")), gone_at__isnull=True
        )
        .exclude(status__in=FAILED)
        .annotate(good_here_at=good_here_at)
        .filter(is_newer)
        .order_by()
    )
    elsewhere = (
        Cloud.objects.filter(Exists(newer_good), last_good_at__gt=now - SILENT_AFTER)
        .exclude(name=OuterRef("cloud"))
        .exclude(name=other_service)
        .order_by()
    )
    silent = Cloud.objects.filter(is_configured=True, service_ended_at=None).exclude(
        last_good_at__gt=now - SILENT_AFTER
    )
    other_is_silent = Q(also_under__isnull=False, also_under__in=silent.order_by().values("name"))
    return none_is_good | newest_unknown | other_is_silent | Q(Exists(elsewhere))


def _stale(now: datetime) -> models.QuerySet[Backup, Any]:
    """Returns the keys of stale backups in clouds that answer. They are few, so finding them costs
    less than looking up the last good one of every volume.
    """
    answering = Cloud.objects.filter(last_good_at__gt=now - SILENT_AFTER).values("name")
    old = Q(stale_at__isnull=True) | Q(stale_at__lte=now)
    return (
        Backup.objects.alias(of_cloud=unindexed("cloud"))
        .filter(old, of_cloud__in=answering)
        .order_by()
        .values("pk")
    )


def _exempt(now: datetime) -> Q:
    return Q(exempt_reason__isnull=False) & (Q(exempt_until__isnull=True) | Q(exempt_until__gt=now))


class Volume(RuleColumns):
    cloud = models.ForeignKey(Cloud, models.PROTECT, db_column="cloud", related_name="volumes")
    volume_id = CodePointText()
    first_seen_at = models.DateTimeField()
    # As the cloud's list of volumes gives them; `size` in GB, of the newest backup where no list
    # says it.
    name = CodePointText(null=True)
    size = models.BigIntegerField(null=True)
    listed_at = models.DateTimeField(null=True)  # the last whole list that named it
    # The first whole list that did not, while that is not confirmed.
    missing_since = models.DateTimeField(null=True)
    # The same, once it is confirmed: the volume is gone.
    deleted_at = models.DateTimeField(null=True)
    # The servers that it is attached to, as the list of volumes says.
    server_ids = models.JSONField(null=True)
    # As the cloud's lists of backups name them, tracked or not; null: no whole list was read since
    # the volume is known.
    listed_backups = models.PositiveIntegerField(null=True)
    # `created_at` of the newest one that a list has named.
    newest_listed_at = models.DateTimeField(null=True)
    # The first such list that named none, while that is not confirmed.
    unlisted_since = models.DateTimeField(null=True)
    # Set by operators; `version` rises with each of them.
    label = CodePointText(null=True)
    note = models.TextField(default="", blank=True)
    tags = models.JSONField(default=list, blank=True)
    follow = models.BooleanField(null=True)  # null: as `vbs_follow` of its cloud says
    exempt_reason = models.TextField(null=True)
    exempt_until = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)
    # The names that the searched texts of its backups hold: `models.search.searched_names`.
    searched_as = models.TextField(null=True)
    # Derived from its backups by derived.volumes, when `derive_at` is reached if that is set;
    # "good" can be restored.
    derive_at = models.DateTimeField(null=True)
    tracked = models.PositiveIntegerField(default=0)
    known_backups = models.PositiveIntegerField(default=0)  # of those, the ones that are not gone
    # `created_at` of the newest of those, gone or not.
    newest_known_at = models.DateTimeField(null=True)
    last_good = models.ForeignKey(Backup, models.SET_NULL, null=True, related_name="+")
    last_good_at = models.DateTimeField(null=True)
    last_good_source = models.CharField(max_length=16, null=True)  # data_timestamp or created_at
    # What can be restored has no time that can be believed.
    undated = models.BooleanField(default=False)
    late_at = models.DateTimeField(null=True)
    overdue_at = models.DateTimeField(null=True)
    chain_size_mb = models.BigIntegerField(null=True)
    # Written by derived.runs: what its cloud promises, by the last reading of its policies:
    # scheduled, off, none or unknown. `VolumeQuerySet.with_schedule` tells whether it still counts.
    schedule_read = models.CharField(max_length=16, default="unknown", db_default="unknown")
    policy = models.ForeignKey(
        "backups.Policy", models.SET_NULL, null=True, db_index=False, related_name="+"
    )
    # The newest promised run that is judged; null where there is none.
    last_run_at = models.DateTimeField(null=True)
    last_run_outcome = models.CharField(max_length=16, null=True)
    # When time alone may change a judgement of its runs.
    runs_judge_at = models.DateTimeField(null=True)
    # The vault that holds its backups, and how much it stores of it, as CBR says.
    vault = models.ForeignKey(
        "backups.Vault", models.SET_NULL, null=True, db_index=False, related_name="+"
    )
    vault_mb = models.BigIntegerField(null=True)
    # The cloud that shows the same volume by another service of the project; null: none does.
    also_under = CodePointText(null=True)
    # The same, where the volume is counted there; null: it counts here.
    counted_under = CodePointText(null=True)
    # The newest try when it failed, since when all tries did, and by which cause: null when the
    # newest did not fail. The database keeps no key: the row is derived anew when a backup goes.
    failing = models.ForeignKey(
        Backup,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    failing_since = models.DateTimeField(null=True)
    failing_cause = models.CharField(max_length=16, null=True)
    rule_from = models.CharField(max_length=8, default="default")
    rule_tag = CodePointText(null=True)
    effective_period_seconds = models.PositiveIntegerField(default=86_400)  # the rule in force
    effective_grace_seconds = models.PositiveIntegerField(default=7200)
    effective_cron = models.CharField(max_length=100, null=True)
    effective_zone = models.CharField(max_length=64, null=True)

    objects = VolumeQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint("cloud", "volume_id", name="volume_once_in_a_cloud"),
        )
        indexes = (
            models.Index("late_at", "id", name="volume_late"),
            models.Index("overdue_at", "id", name="volume_overdue"),
            models.Index("exempt_until", name="volume_exempt"),
            models.Index("name", "id", name="volume_name"),
            # Backups in the order of their volumes' names: the volumes are walked.
            models.Index(shown_name(), "cloud", name="volume_shown_name"),
            models.Index(
                "cloud",
                name="volume_uncounted",
                condition=Q(listed_backups__isnull=True) | Q(unlisted_since__isnull=False),
            ),
            models.Index(
                "also_under",
                "volume_id",
                name="volume_also_under",
                condition=Q(also_under__isnull=False),
            ),
            models.Index(
                "cloud",
                "runs_judge_at",
                name="volume_runs_to_judge",
                condition=Q(runs_judge_at__isnull=False),
            ),
            models.Index(
                "cloud", "derive_at", name="volume_to_derive", condition=Q(derive_at__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return self.label or self.name or self.volume_id


class VolumeTagQuerySet(models.QuerySet["VolumeTag"]):
    def replace(self, tags_of_volume: Mapping[int, Sequence[str]]) -> None:
        """Lets each of these volumes carry exactly its tags."""
        rows: list[VolumeTag] = []
        for pk, names in tags_of_volume.items():
            rows.extend(VolumeTag(volume_id=pk, tag=name) for name in names)
        self.filter(volume__in=list(tags_of_volume)).delete()
        self.bulk_create(rows, batch_size=400)


class VolumeTag(models.Model):
    """Which tags lie on which volumes, for the filter and for rules; the list on the row
    is what is shown.
    """

    volume = models.ForeignKey(Volume, models.CASCADE, related_name="tagged")
    tag = CodePointText()

    objects = VolumeTagQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint("tag", "volume", name="volume_tag_once"),)

    def __str__(self) -> str:
        return self.tag
