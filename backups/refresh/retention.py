"""How long observed changes are kept, and causes that no backup has any more."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from backups.models import Backup, Cause, Revision

KEPT = timedelta(days=90)
CHUNK = 5_000  # rows in one DELETE, so that no lock is held for long


def prune(now: datetime, *, keep: timedelta = KEPT) -> int:
    """Forget changes older than `keep` but the first, the last and every change of status; how
    many.
    """
    gone = 0
    while ids := list(
        Revision.objects.prunable(now - keep).order_by("at").values_list("pk", flat=True)[:CHUNK]
    ):
        gone += Revision.objects.filter(pk__in=ids).delete()[0]
    return gone


def forget_causes() -> int:
    """Forget the causes that no backup has; how many. A batch that needs one just then is tried
    again.
    """
    used = Backup.objects.filter(cause=OuterRef("pk")).order_by()
    return Cause.objects.filter(~Exists(used)).delete()[0]
