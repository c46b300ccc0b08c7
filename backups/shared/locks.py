"""Locks rows, in one order for all writers, so that two of them never wait for each
other in a ring.

1. The row of the cloud, by whoever writes more than one of its backups in a transaction (several
   clouds by name).
2. Its backups. Claims take them without the cloud, for they wait for nobody (SKIP LOCKED).
3. Its volumes, by their ID.
4. The policies whose runs are deleted, by their keys.
5. The tables by day that `derived.daily_totals` keeps, by their keys.

Whoever holds one of these takes nothing above it. The locks are weaker than FOR UPDATE: no key ever
changes, and what PostgreSQL checks of foreign keys at COMMIT (FOR KEY SHARE) passes. SQLite lets
one writer in at a time and has none.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from backups.models import Backup, Cloud
from backups.models.volume import VolumeQuerySet
from backups.shared.batches import in_batches


def lock_cloud(name: str) -> Cloud:
    """Returns the row of a cloud, locked until the transaction ends."""
    return Cloud.objects.select_for_update(no_key=True).get(pk=name)


def lock_clouds(names: Iterable[str]) -> None:
    """Locks the rows of these clouds until the transaction ends."""
    list(Cloud.objects.filter(pk__in=set(names)).order_by("pk").select_for_update(no_key=True))


def clouds_of(ids: Sequence[UUID | str]) -> set[str]:
    """Returns the clouds of these backups, to be locked before any of them is written."""
    clouds: set[str] = set()
    for batch in in_batches(ids):
        backups = Backup.objects.filter(pk__in=batch).order_by()
        clouds.update(backups.values_list("cloud", flat=True).distinct())
    return clouds


def lock_volumes(volumes: VolumeQuerySet) -> VolumeQuerySet:
    """Returns the same volumes; they are locked as they are read, until the transaction ends."""
    return volumes.order_by("cloud", "volume_id").select_for_update(of=("self",), no_key=True)
