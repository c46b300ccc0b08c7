"""Deletes observed changes that are old enough, and causes that no backup has any more."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from backups.models import Backup, Cause, Revision
from backups.models.data_version import data_changed

RETENTION = timedelta(days=90)
ROWS_PER_DELETE = 5_000  # so that no lock is held for long


def prune(now: datetime, *, keep: timedelta = RETENTION) -> int:
    """Deletes revisions older than `keep` but the first, the last and every change of status.

    Returns how many it deleted.
    """
    deleted = 0
    prunable = Revision.objects.prunable(now - keep).order_by("at").values_list("pk", flat=True)
    while ids := list(prunable[:ROWS_PER_DELETE]):
        deleted += Revision.objects.filter(pk__in=ids).delete()[0]
        data_changed()
    return deleted


def forget_causes() -> int:
    """Deletes the causes that no backup has; returns how many.

    A batch that needs one at that very moment fails and is tried again.
    """
    in_use = Backup.objects.filter(cause=OuterRef("pk")).order_by()
    deleted, _ = Cause.objects.filter(~Exists(in_use)).delete()
    data_changed()
    return deleted
