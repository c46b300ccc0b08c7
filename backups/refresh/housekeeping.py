"""Says of every table what bounds it, and deletes daily what has become too old; sessions hourly.

A table that is in neither BOUNDED nor PRUNED fails a test.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Model, OuterRef, QuerySet

from backups.models import PolicyRevision, Run
from backups.models.data_version import data_changed
from backups.shared import audit_cut

logger = logging.getLogger(__name__)

# So few, with a pause after them, that others write in between: SQLite has one writer at a time.
ROWS_PER_DELETE = 1_000
PAUSE_S = 0.05
LOGS_KEPT = timedelta(days=90)
EDITS_KEPT = timedelta(days=400)
# Runs are told for 30 days; with them goes what the cloud's own log of tasks says of them.
RUNS_KEPT = timedelta(days=40)

# By the number of what, else, or by whom.
BOUNDED: Final[Mapping[str, str]] = {
    "backups.Backup": "what is tracked; gone ones until they are untracked",
    "backups.Body": "one a backup",
    "backups.SearchText": "one a backup",
    "backups.BackupTag": "20 a backup",
    "backups.Revision": "90 days; of each backup the first, the last, and changes of status",
    "backups.Cause": "reasons that a backup has; others are forgotten daily",
    "backups.Volume": "disks that a cloud, a backup or a person names",
    "backups.VolumeTag": "20 a disk",
    "backups.TrashedBackup": "30 days; `edits/trash.py` purges it, for each row is an act",
    "backups.VolumeContribution": "one a disk",
    "backups.OutcomeBucket": "3,072 a cloud and length of grace",
    "backups.StoredDay": "one a cloud and day",
    "backups.Cloud": "one a cloud",
    "backups.CloudCalls": "one a cloud and class of error",
    "backups.CloudRule": "one a cloud",
    "backups.TagRule": "one a tag",
    "backups.DataVersion": "128",
    "backups.Heartbeat": "one a queue, and the scheduler's",
    "backups.Process": "processes of the last five minutes",
    "backups.Preferences": "one an account",
    "backups.SavedView": "what people save, some a person",
    "backups.ExternalIdentity": "one an account",
    "backups.AuditEntry": "VBSDASH_AUDIT_DAYS; 16 KB a row, and strangers a row a minute and place",
    "backups.AuditCut": "none outside of a transaction",
    "backups.Account": "one an account",
    "backups.DeliveryAttempt": "some 30 a delivery",
    "backups.DeliveredAlarm": "what channels were told of an alarm, as long as it is kept",
    "backups.Account_clouds": "clouds of accounts",
    "backups.VaultResource": "disks and servers that a vault names",
    "backups.PolicyRevision": "400 days of a policy, and the newest before; see `_prune_revisions`",
    "auth.User": "who an administrator lets in",
    "auth.Group": "what an administrator makes",
    "auth.Permission": "four a table",
    "auth.User_groups": "groups of accounts",
    "auth.User_user_permissions": "permissions of accounts",
    "auth.Group_permissions": "permissions of groups",
    "contenttypes.ContentType": "one a table",
    "axes.AccessAttemptExpiration": "none: axes is not set to write them",
}


@dataclass(frozen=True)
class Pruned:
    """Rows of `table` go when `column` is older than `keep`. `shown`: pages or the API show it.
    `counted`: what goes of it stays in the counts of its policy.
    """

    table: str
    column: str
    keep: timedelta
    shown: bool = False
    counted: bool = False


SESSIONS: Final = Pruned("backups.UserSession", "expire_date", timedelta(0))
PRUNED: Final = (
    # Django's own is what processes of an earlier version used.
    Pruned("sessions.Session", "expire_date", timedelta(0)),
    SESSIONS,
    # Below 1 KB each, see `edits/sign_in_failures.py`; axes deletes them after a quarter of an
    # hour, but only when somebody signs in or fails to.
    Pruned("axes.AccessAttempt", "attempt_time", timedelta(days=1)),
    Pruned("axes.AccessLog", "attempt_time", LOGS_KEPT),
    Pruned("axes.AccessFailureLog", "attempt_time", LOGS_KEPT),
    Pruned("admin.LogEntry", "action_time", EDITS_KEPT),
    Pruned("backups.Edit", "at", EDITS_KEPT, shown=True),
    Pruned("backups.Alarm", "closed_at", EDITS_KEPT, shown=True),
    Pruned("backups.Silence", "ends_at", EDITS_KEPT, shown=True),
    Pruned("backups.Silence", "ended_at", EDITS_KEPT, shown=True),
    Pruned("backups.Delivery", "written_at", LOGS_KEPT, shown=True),
    Pruned("backups.BudgetWindow", "ends_at", timedelta(days=1)),
    Pruned("backups.Run", "slot_at", RUNS_KEPT, shown=True, counted=True),
    Pruned("backups.PolicyTask", "created_at", RUNS_KEPT),
    Pruned("backups.PolicyMember", "until", EDITS_KEPT, shown=True),
    Pruned("backups.Policy", "deleted_at", EDITS_KEPT, shown=True),
    Pruned("backups.Vault", "deleted_at", EDITS_KEPT, shown=True),
    # Revoked ones stay for those who ask whose a key was.
    Pruned("backups.ApiToken", "revoked_at", EDITS_KEPT, shown=True),
    Pruned("backups.ApiToken", "expires_at", EDITS_KEPT, shown=True),
)


def prune(now: datetime) -> dict[str, int]:
    """Deletes what is too old; returns how many rows of each table."""
    counts: dict[str, int] = {}
    for rule in PRUNED:
        deleted = _prune(rule, now)
        if deleted:
            counts[rule.table] = counts.get(rule.table, 0) + deleted
    deleted = _prune_revisions(now)
    if deleted:
        counts["backups.PolicyRevision"] = deleted
    kept = timedelta(days=settings.AUDIT_DAYS)
    deleted = audit_cut.cut(before=now - kept, now=now)
    if deleted:
        counts["backups.AuditEntry"] = deleted
    if counts:
        logger.info("too old, and deleted: %s", counts)
    return counts


def forget_sessions(now: datetime) -> int:
    """Deletes sessions that are over; returns how many. Strangers begin them on their way to a
    provider, of one place some thousand an hour, so a day would be too long.
    """
    return _prune(SESSIONS, now)


def _prune(rule: Pruned, now: datetime) -> int:
    model: type[Model] = apps.get_model(rule.table)
    too_old = model._default_manager.filter(**{f"{rule.column}__lt": now - rule.keep})
    # Most tables are written in the order of their keys, so the old ones come first.
    keys = too_old.order_by("pk").values_list("pk", flat=True)
    deleted = 0
    while batch := list(keys[:ROWS_PER_DELETE]):
        if deleted:
            time.sleep(PAUSE_S)
        rows: QuerySet[Model] = model._default_manager.filter(pk__in=batch)
        with transaction.atomic():
            if rule.counted:
                deleted += Run.objects.filter(pk__in=batch).delete_counted(now)
            else:
                deleted += rows.delete()[1].get(rule.table, 0)
            if rule.shown:
                data_changed()
    return deleted


def _prune_revisions(now: datetime) -> int:
    """Deletes how policies were read more than 400 days ago, but for the newest of each: it was in
    force after that.
    """
    before = now - EDITS_KEPT
    newer = PolicyRevision.objects.filter(
        policy=OuterRef("policy"), since__gt=OuterRef("since"), since__lt=before
    )
    too_old = PolicyRevision.objects.filter(Exists(newer), since__lt=before)
    deleted = 0
    while batch := list(too_old.order_by("pk").values_list("pk", flat=True)[:ROWS_PER_DELETE]):
        with transaction.atomic():
            deleted += PolicyRevision.objects.filter(pk__in=batch).delete()[0]
            data_changed()
    return deleted
