"""The cloud's own list of disks: names, sizes, disks without any backup, and those that are no more. Optional.

A disk is "deleted" only when a whole list did not name it: a list that broke off, or did not come to its end, proves
nothing. Where the cloud refuses the list, operators label and register disks by hand, and the clouds page says so.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from backups.engine import clock, clouds, due_disks
from backups.engine.derive import CHUNK
from backups.engine.locks import lock_cloud, lock_volumes
from backups.engine.rounds import may_ask
from backups.models import Cloud, Volume
from backups.vbs import disk
from backups.vbs.disk import Disk
from backups.vbs.errors import OutOfBudget, VBSError

EVERY, AGAIN, SOON = timedelta(hours=1), timedelta(minutes=10), timedelta(minutes=1)
PAGE_WAIT = 45.0  # seconds to wait for the budget of a page
BY_HAND = "Label and register disks by hand, or set volume_endpoint_override in clouds.yaml."


def is_due(cloud: Cloud, now: datetime) -> bool:
    return cloud.volumes_due_at is None or cloud.volumes_due_at <= now


def read_due(name: str) -> int:
    """Read the list of a cloud, unless it is not due, or the cloud is to be left alone; how many disks it named."""
    now = clock.now()
    cloud = may_ask(name, now)
    return read(name, now) if cloud is not None and is_due(cloud, now) and claim(name, now) else 0


def claim(name: str, now: datetime) -> bool:
    """Whoever's UPDATE counts reads the list."""
    due = Q(volumes_due_at=None) | Q(volumes_due_at__lte=now)
    return bool(Cloud.objects.filter(due, pk=name).update(volumes_due_at=now + EVERY))


def read(name: str, now: datetime) -> int:
    """Ask for the whole list and keep what it says; how many disks it named. A failure is kept as a sentence."""
    try:
        with clouds.meter(name).bulk(until=time.monotonic() + PAGE_WAIT):
            walk = clouds.client(name).walk_volumes()
            listed = disk.decode(entry for entries in walk for entry in entries)
    except OutOfBudget:
        Cloud.objects.filter(pk=name).update(volumes_due_at=now + SOON)
        return 0
    except VBSError as e:
        refused = e.class_name in ("rejected", "wrong_address", "gone")
        told = f"The list of disks was not read: {e.message.rstrip('.')}."
        _failed(name, f"{told} {BY_HAND}" if refused else told, now, later=not refused)
        return 0
    keep(name, listed, now, complete=walk.complete)
    if not walk.complete:
        told = "The list of disks did not come to its end, so no disk counts as deleted by it."
        _failed(name, told, now, later=True)
    return len(listed)


def keep(cloud: str, listed: Sequence[Disk], now: datetime, *, complete: bool) -> None:
    """Store a list that was asked for at `now`; one that is not `complete` takes no disk away."""
    given = {one.id: one for one in listed}
    with transaction.atomic():
        lock_cloud(cloud)  # one list of a cloud at a time
        known = {row.volume_id: row for row in lock_volumes(Volume.objects.filter(cloud=cloud))}
        _add([one for one in listed if one.id not in known], cloud, now)
        _rename([row for row in known.values() if _differs(row, given.get(row.volume_id))], given)
        seen = [row.pk for row in known.values() if row.volume_id in given]
        for part in _chunks(seen):
            Volume.objects.filter(pk__in=part).update(listed_at=now)
        if complete:
            left = [row.pk for row in known.values() if row.volume_id not in given and row.first_seen_at <= now]
            for part in _chunks(left):
                Volume.objects.filter(pk__in=part, deleted_at=None).update(deleted_at=now)
            Cloud.objects.filter(pk=cloud).update(volumes_listed_at=now, volumes_error=None)
    due_disks.derive_due(cloud, now)


def _add(new: Sequence[Disk], cloud: str, now: datetime) -> None:
    """Disks that no backup made known; those that one makes known at this moment are left to the next list."""
    rows = [
        Volume(
            cloud_id=cloud,
            volume_id=one.id,
            name=one.name,
            size=one.size,
            first_seen_at=now,
            listed_at=now,
            derive_at=now,
        )
        for one in sorted(new, key=lambda one: one.id)
    ]
    Volume.objects.bulk_create(rows, ignore_conflicts=True, batch_size=CHUNK)


def _differs(row: Volume, one: Disk | None) -> bool:
    return one is not None and (row.name != one.name or row.size != one.size or row.deleted_at is not None)


def _rename(rows: Sequence[Volume], given: dict[str, Disk]) -> None:
    for row in rows:
        row.name, row.size, row.deleted_at = given[row.volume_id].name, given[row.volume_id].size, None
    Volume.objects.bulk_update(rows, ["name", "size", "deleted_at"], batch_size=100)


def _failed(cloud: str, sentence: str, now: datetime, *, later: bool) -> None:
    words = {"volumes_error": sentence} | ({"volumes_due_at": now + AGAIN} if later else {})
    Cloud.objects.filter(pk=cloud).update(**words)


def _chunks(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK)]
