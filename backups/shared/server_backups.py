"""Backups of servers, and their children: the backups of single disks that they consist of. The
cloud tells of those in the answer about the server's, so that is asked about in their place.
"""

import uuid
from collections.abc import Sequence

from backups.models import Backup
from backups.shared.batches import in_batches


def asked_in_place(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Returns by ID of a child the backup that is asked about in its place, where that is tracked
    in the same cloud and not gone.
    """
    parents: dict[uuid.UUID, tuple[uuid.UUID, str]] = {}
    for batch in in_batches(ids):
        rows = Backup.objects.filter(pk__in=batch, parent_id__isnull=False).order_by()
        for pk, parent_id, cloud in rows.values_list("pk", "parent_id", "cloud"):
            parent = _uuid(parent_id)
            if parent is not None:
                parents[pk] = (parent, cloud)
    tracked: set[tuple[uuid.UUID, str]] = set()
    for batch in in_batches([parent for parent, _ in parents.values()]):
        tracked_rows = Backup.objects.filter(pk__in=batch, gone_at=None).order_by()
        tracked.update(tracked_rows.values_list("pk", "cloud"))
    return {pk: parent for pk, (parent, cloud) in parents.items() if (parent, cloud) in tracked}


def children_of(ids: Sequence[uuid.UUID | str]) -> list[uuid.UUID]:
    """Returns the tracked children of these backups."""
    children: list[uuid.UUID] = []
    # No server's backup has a volume of its own, so most are told apart by their own row.
    for batch in in_batches(ids):
        servers = Backup.objects.filter(pk__in=batch, volume_id=None, vm_id__isnull=False)
        parents = [str(pk) for pk in servers.order_by().values_list("pk", flat=True)]
        if parents:
            rows = Backup.objects.filter(parent_id__in=parents).order_by("pk")
            children += rows.values_list("pk", flat=True)
    return children


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None
