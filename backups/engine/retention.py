"""How long observed changes are kept."""

from datetime import datetime, timedelta

from backups.models import Revision

KEPT = timedelta(days=90)
CHUNK = 5_000  # rows in one DELETE, so that no lock is held for long


def prune(now: datetime, *, keep: timedelta = KEPT) -> int:
    """Forget changes older than `keep` but the first, the last and every change of status; how many."""
    gone = 0
    while ids := list(Revision.objects.prunable(now - keep).order_by("at").values_list("pk", flat=True)[:CHUNK]):
        gone += Revision.objects.filter(pk__in=ids).delete()[0]
    return gone
