"""Which listed backups are tracked by themselves: as `vbs_follow` says, and the switch of each
disk.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from backups.clouds import registry
from backups.derived import moves
from backups.models import Backup, SearchText, Volume
from backups.shared.batches import IDS_PER_QUERY, in_batches
from backups.shared.locks import clouds_of, lock_clouds
from backups.vbs import fields


@dataclass(frozen=True)
class AutoTrackPolicy:
    """`mode`: none, disks or all; `switched`: disks with a switch of their own; `tracked`: disks
    with a backup here.
    """

    mode: str
    switched: Mapping[str, bool]
    tracked: frozenset[str]

    @property
    def is_enabled(self) -> bool:
        return self.mode != "none" or any(self.switched.values())

    def wants(self, volume_id: str | None) -> bool:
        """None: of a disk that is not known."""
        switch = self.switched.get(volume_id) if volume_id is not None else None
        if switch is not None:
            return switch
        return self.mode == "all" or (self.mode == "disks" and volume_id in self.tracked)


def policy_of(cloud: str) -> AutoTrackPolicy:
    mode = registry.configured()[cloud].follow
    mine = Volume.objects.filter(cloud=cloud)
    switched = {
        volume: bool(on)
        for volume, on in mine.filter(follow__isnull=False).values_list("volume_id", "follow")
    }
    tracked = (
        mine.filter(tracked__gt=0).values_list("volume_id", flat=True) if mode == "disks" else []
    )
    return AutoTrackPolicy(mode, switched, frozenset(tracked))


def is_enabled(cloud: str) -> bool:
    """Is the list to be looked through for new backups at all?"""
    follows = registry.configured()[cloud].follow != "none"
    return follows or Volume.objects.filter(cloud=cloud, follow=True).exists()


def track(
    cloud: str, entries: Mapping[uuid.UUID, Any], known: AutoTrackPolicy, now: datetime
) -> list[uuid.UUID]:
    """Track those of these entries that are wanted and tracked nowhere, or under a cloud that is
    gone; what is new.
    """
    new = [
        pk
        for pk, entry in entries.items()
        if known.wants(fields.identifier(entry, "volume_id", []))
    ]
    there = tracked_anywhere(new)
    moved = take_over(cloud, there, now)
    fresh = sorted(pk for pk in new if pk not in there)  # in one order for all who add
    rows = [Backup(id=pk, cloud_id=cloud, tracked_at=now, next_refresh_at=now) for pk in fresh]
    Backup.objects.bulk_create(rows, ignore_conflicts=True, batch_size=IDS_PER_QUERY)
    SearchText.objects.put({"id": row.id} for row in rows)
    return [*(row.id for row in rows), *moved]


def take_over(cloud: str, ids: Iterable[uuid.UUID], now: datetime) -> list[uuid.UUID]:
    """Move those of `ids` here that a cloud holds which is configured no more; which they are."""
    orphans = _orphans(ids)
    if not orphans:
        return []
    with transaction.atomic():
        lock_clouds([cloud, *clouds_of(orphans)])
        moved = _orphans(orphans)  # somebody else may have taken them meanwhile
        left = moves.move([str(pk) for pk in moved], cloud, now)
    moves.forget(left, now)
    return moved


def _orphans(ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
    orphans: list[uuid.UUID] = []
    for batch in in_batches(list(ids)):
        backups = Backup.objects.filter(pk__in=batch)
        orphans += backups.exclude(cloud__in=registry.configured()).values_list("pk", flat=True)
    return orphans


def tracked_anywhere(ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    found: set[uuid.UUID] = set()
    for batch in in_batches(list(ids)):
        found.update(Backup.objects.filter(pk__in=batch).values_list("pk", flat=True))
    return found
