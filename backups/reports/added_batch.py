"""The backups that one use of the add form added, and the volumes that they turned out to be of."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Q

from backups.models import Access, Backup, Volume
from backups.models.backup import BackupQuerySet


class VolumeKey(NamedTuple):
    cloud: str
    volume_id: str


@dataclass(frozen=True)
class AddedBatch:
    """How far the answers have come. `volumes` counts those that answers named so far."""

    batch: uuid.UUID
    n: int
    answered: int
    volumes: int
    followed: int


def added_batch(batch: uuid.UUID, *, access: Access) -> AddedBatch:
    """Counts a batch in three queries. One that nothing is left of has zeros."""
    counts = _backups(batch, access).aggregate(
        n=Count("pk"), answered=Count("pk", filter=Q(refreshed_at__isnull=False))
    )
    followed = _followed_by_volume(batch, access)
    return AddedBatch(
        batch=batch,
        n=counts["n"],
        answered=counts["answered"],
        volumes=len(followed),
        followed=sum(followed.values()),
    )


def volumes_of_batch(batch: uuid.UUID, *, access: Access) -> list[VolumeKey]:
    return list(_followed_by_volume(batch, access))


def added_at(batch: uuid.UUID, *, access: Access) -> datetime | None:
    """Returns when a batch was added, which is `tracked_at` of each of its backups; None when none
    of them is left.
    """
    return _backups(batch, access).values_list("tracked_at", flat=True).first()


def _backups(batch: uuid.UUID, access: Access) -> BackupQuerySet:
    return Backup.objects.visible_to(access).filter(added_batch=batch)


def _followed_by_volume(batch: uuid.UUID, access: Access) -> dict[VolumeKey, bool]:
    """Returns the known volumes of a batch, and whether new backups of each are followed."""
    rows = _backups(batch, access).filter(volume_id__isnull=False).order_by()
    named = set(rows.values_list("cloud", "volume_id").distinct())
    # The annotation `followed` is no field that the type checker knows.
    volumes: Any = Volume.objects.visible_to(access).with_followed()
    volumes = volumes.filter(volume_id__in={volume_id for _, volume_id in named})
    followed = {}
    for cloud, volume_id, is_followed in volumes.values_list("cloud", "volume_id", "followed"):
        # Two clouds may give the same ID to different volumes.
        if (cloud, volume_id) in named:
            followed[VolumeKey(cloud, volume_id)] = is_followed
    return followed
