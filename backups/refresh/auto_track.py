"""Tracks listed backups by itself: as `vbs_follow` of their cloud says, or the
switch of their volume.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from backups.analysis import one_backup
from backups.clouds import registry
from backups.derived import moves
from backups.models import Backup, Cloud, SearchText, TrashedBackup, Volume
from backups.models.data_version import data_changed
from backups.shared.batches import IDS_PER_QUERY, in_batches
from backups.shared.locks import clouds_of, lock_clouds
from backups.vbs.listed_backup import ListedBackup


@dataclass(frozen=True)
class AutoTrackPolicy:
    """Which backups of a cloud are tracked by themselves.

    `mode` is `vbs_follow`: none, disks or all. `switches` are those of the volumes that have one,
    by volume ID. `tracked_volumes` have a tracked backup; they are read where `mode` is "disks".
    """

    mode: str
    switches: Mapping[str, bool]
    tracked_volumes: frozenset[str]

    @property
    def is_enabled(self) -> bool:
        return self.mode != "none" or any(self.switches.values())

    def wants(self, volume_id: str | None) -> bool:
        """Is a new backup of this volume tracked? None: nobody knows which volume it is of."""
        if volume_id is not None and volume_id in self.switches:
            return self.switches[volume_id]
        return self.mode == "all" or (self.mode == "disks" and volume_id in self.tracked_volumes)


def policy_of(cloud: str) -> AutoTrackPolicy:
    mode = registry.configured()[cloud].follow
    volumes = Volume.objects.filter(cloud=cloud)
    switches: dict[str, bool] = {}
    for volume_id, follow in volumes.filter(follow__isnull=False).values_list(
        "volume_id", "follow"
    ):
        switches[volume_id] = bool(follow)
    tracked_volumes: frozenset[str] = frozenset()
    if mode == "disks":
        tracked_volumes = frozenset(
            volumes.filter(tracked__gt=0).values_list("volume_id", flat=True)
        )
    return AutoTrackPolicy(mode, switches, tracked_volumes)


def is_enabled(cloud: str) -> bool:
    """Is the list read for the sake of new backups at all?"""
    if registry.configured()[cloud].follow != "none":
        return True
    return Volume.objects.filter(cloud=cloud, follow=True).exists()


def track(
    cloud: str,
    entries: Mapping[uuid.UUID, ListedBackup],
    policy: AutoTrackPolicy,
    now: datetime,
) -> list[uuid.UUID]:
    """Tracks those of the entries that the policy wants and that no configured cloud has seen. What
    somebody put into the trash is not taken out of it by a list.

    Returns the IDs that are new to this cloud.
    """
    wanted: list[uuid.UUID] = []
    servers: dict[uuid.UUID, str] = {}
    for pk, entry in entries.items():
        if policy.wants(entry.volume_id):
            wanted.append(pk)
        elif entry.is_server and entry.server_id is not None:
            servers[pk] = entry.server_id
    wanted += _of_wanted_servers(cloud, servers, policy)
    tracked = tracked_anywhere(wanted)
    moved = take_over(cloud, tracked, now)
    # In one order for all who write.
    doubles = doubles_of_other_service(cloud, {pk: entries[pk] for pk in wanted})
    new = sorted(set(wanted) - tracked - doubles - in_trash(cloud, wanted))
    rows = [Backup(id=pk, cloud_id=cloud, tracked_at=now, next_refresh_at=now) for pk in new]
    Backup.objects.bulk_create(rows, ignore_conflicts=True, batch_size=IDS_PER_QUERY)
    SearchText.objects.put({"id": pk} for pk in new)
    data_changed()
    return [*new, *moved]


def _of_wanted_servers(
    cloud: str, servers: Mapping[uuid.UUID, str], policy: AutoTrackPolicy
) -> list[uuid.UUID]:
    """Returns those of the backups of servers that are wanted for the sake of a disk: which disks a
    server has is known from its backups that are tracked. `servers`: the server of each.
    """
    if not servers:
        return []
    server_of_backup: dict[str, str | None] = {}
    for batch in in_batches(sorted(set(servers.values()))):
        of_servers = Backup.objects.filter(cloud=cloud, vm_id__in=batch).order_by()
        for pk, vm_id in of_servers.values_list("pk", "vm_id"):
            server_of_backup[str(pk)] = vm_id
    wanted_servers: set[str | None] = set()
    for batch in in_batches(list(server_of_backup)):
        of_disks = Backup.objects.filter(cloud=cloud, parent_id__in=batch).order_by()
        for parent_id, volume_id in of_disks.values_list("parent_id", "volume_id").distinct():
            if policy.wants(volume_id):
                wanted_servers.add(server_of_backup[str(parent_id)])
    return [pk for pk, server_id in servers.items() if server_id in wanted_servers]


def take_over(cloud: str, ids: Iterable[uuid.UUID], now: datetime) -> list[uuid.UUID]:
    """Moves those of `ids` here, which this cloud's list names, whose own cloud is not configured
    any more, has ended or never answered for them; returns which they are. That somebody wrote an
    ID into another cloud keeps it from no cloud that has it.
    """
    orphans = _orphans(cloud, ids)
    if not orphans:
        return []
    with transaction.atomic():
        lock_clouds([cloud, *clouds_of(orphans)])
        # Another process may have taken some meanwhile, and a cloud may have answered.
        moved = _orphans(cloud, orphans)
        volumes_left = moves.move(moved, cloud, now)
    moves.forget(volumes_left, now)
    return moved


def _orphans(cloud: str, ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
    is_orphan = (
        Q(refreshed_at=None)
        | ~Q(cloud__in=registry.configured())
        | Q(cloud__service_ended_at__isnull=False)
    )
    orphans: list[uuid.UUID] = []
    for batch in in_batches(list(ids)):
        backups = Backup.objects.filter(is_orphan, pk__in=batch).exclude(cloud=cloud)
        orphans += backups.values_list("pk", flat=True)
    return orphans


def doubles_of_other_service(
    cloud: str, entries: Mapping[uuid.UUID, ListedBackup]
) -> set[uuid.UUID]:
    """Returns those of the entries that are tracked under another ID already, through the other
    service of the project: made from one snapshot at one time. While that service lives they are
    not asked about twice.
    """
    other = Cloud.objects.filter(
        other_service=cloud, is_configured=True, service_ended_at=None
    ).first()
    if other is None or not entries:
        return set()
    volume_ids = sorted({entry.volume_id for entry in entries.values() if entry.volume_id})
    times_by_snapshot: dict[str, list[datetime]] = {}
    for batch in in_batches(volume_ids):
        rows = Backup.objects.filter(cloud=other, volume_id__in=batch, gone_at=None)
        rows = rows.filter(created_at__isnull=False, snapshot_id__isnull=False)
        for snapshot_id, created_at in rows.values_list("snapshot_id", "created_at"):
            if snapshot_id is not None and created_at is not None:
                times_by_snapshot.setdefault(snapshot_id, []).append(created_at)
    doubles: set[uuid.UUID] = set()
    for pk, entry in entries.items():
        snapshot_id = entry.snapshot_id
        listed_at = entry.created_at
        if snapshot_id is None or listed_at is None:
            continue
        for at in times_by_snapshot.get(snapshot_id, ()):
            if abs(at - listed_at) <= one_backup.SAME_TIME:
                doubles.add(pk)
    return doubles


def in_trash(cloud: str, ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    trashed: set[uuid.UUID] = set()
    for batch in in_batches(list(ids)):
        rows = TrashedBackup.objects.filter(cloud=cloud, backup_id__in=batch)
        trashed.update(rows.values_list("backup_id", flat=True))
    return trashed


def tracked_anywhere(ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Returns those of `ids` that are tracked, in whatever cloud."""
    tracked: set[uuid.UUID] = set()
    for batch in in_batches(list(ids)):
        tracked.update(Backup.objects.filter(pk__in=batch).values_list("pk", flat=True))
    return tracked
