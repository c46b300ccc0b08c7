"""Backups of a server's single disks, which the answer about the server's backup holds: each is a
row of its own, tracked with that one and as fresh as it. None is asked about singly but what that
answer names no more, or once that backup is gone.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from backups.models import Backup, SearchText
from backups.models.data_version import data_changed
from backups.refresh import auto_track
from backups.refresh.plan import Fetched
from backups.shared import bulk, server_backups
from backups.shared.batches import IDS_PER_QUERY, in_batches
from backups.vbs import payload
from backups.vbs.ids import is_backup_id

_SETTLED_COLUMNS = ("next_refresh_at", "stale_at", "refresh_interval")


def with_children(cloud: str, fetched: Sequence[Fetched]) -> list[Fetched]:
    """Returns the answers, and those that they hold about backups of single disks; rows of new ones
    are created. The caller has locked the cloud.
    """
    found = _children_of(fetched)
    if not found:
        return list(fetched)
    parents = {parent for parent, _ in found.values()}
    tracked: set[uuid.UUID] = set()
    for batch in in_batches(sorted(parents)):
        rows = Backup.objects.filter(pk__in=batch, cloud=cloud).order_by()
        tracked.update(rows.values_list("pk", flat=True))
    children = [child for parent, child in found.values() if parent in tracked]
    _create(cloud, children)
    return [*fetched, *children]


def _children_of(fetched: Sequence[Fetched]) -> dict[uuid.UUID, tuple[uuid.UUID, Fetched]]:
    """Returns by ID what single answers say of children, with the ID of each one's parent."""
    found: dict[uuid.UUID, tuple[uuid.UUID, Fetched]] = {}
    for answer in fetched:
        # An entry of a list never has any (API.md §12.3).
        if answer.answer is None or answer.listed:
            continue
        for body in payload.children(answer.answer.raw):
            if is_backup_id(body.get("id")):
                received = payload.receive(body)
                pk = uuid.UUID(received.id)
                found[pk] = (answer.id, Fetched(pk, answer.requested_at, received))
    return found


def _create(cloud: str, children: Sequence[Fetched]) -> None:
    """Creates rows of those that are tracked in no cloud, and that nobody put into the trash."""
    tracked_at = {child.id: child.requested_at for child in children}
    known = auto_track.tracked_anywhere(tracked_at)
    new = sorted(tracked_at.keys() - known)
    if not new:
        return
    trashed = auto_track.in_trash(cloud, new)
    untracked = [pk for pk in new if pk not in trashed]
    rows = [Backup(id=pk, cloud_id=cloud, tracked_at=tracked_at[pk]) for pk in untracked]
    Backup.objects.bulk_create(rows, ignore_conflicts=True, batch_size=IDS_PER_QUERY)
    SearchText.objects.put({"id": row.pk} for row in rows)
    data_changed()


def settle(cloud: str, fetched: Sequence[Fetched], now: datetime) -> None:
    """Makes children as fresh as their parents, once the answers are stored, and has those asked
    about singly that an answer does not name any more. `fetched`: as `with_children` gave it.
    """
    named: dict[uuid.UUID, set[uuid.UUID]] = {}
    are_children: list[uuid.UUID] = []
    for answer in fetched:
        if answer.answer is None:
            continue
        raw = answer.answer.raw
        if payload.is_of_server(raw) and not answer.listed:
            children = payload.children(raw)
            named[answer.id] = {
                uuid.UUID(str(body["id"])) for body in children if is_backup_id(body.get("id"))
            }
        elif payload.is_child(raw):
            are_children.append(answer.id)
    if named:
        _settle(cloud, named, now)
    if are_children:
        # Some of them were asked about singly, and are not any more.
        for batch in in_batches(list(server_backups.asked_in_place(are_children))):
            Backup.objects.filter(pk__in=batch, cloud=cloud).update(next_refresh_at=None)
        data_changed()


def _settle(cloud: str, named: Mapping[uuid.UUID, set[uuid.UUID]], now: datetime) -> None:
    freshness: dict[str, tuple[datetime | None, int | None]] = {}
    children_of: defaultdict[str, list[tuple[uuid.UUID, datetime | None]]] = defaultdict(list)
    for batch in in_batches(list(named)):
        parents = Backup.objects.filter(pk__in=batch, cloud=cloud).order_by()
        for pk, stale_at, interval in parents.values_list("pk", "stale_at", "refresh_interval"):
            freshness[str(pk)] = (stale_at, interval)
        keys = [str(pk) for pk in batch]
        rows = Backup.objects.filter(cloud=cloud, parent_id__in=keys, gone_at=None).order_by("pk")
        for pk, parent_id, missed_at in rows.values_list("pk", "parent_id", "missed_at"):
            children_of[str(parent_id)].append((pk, missed_at))
    settled: list[bulk.Row] = []
    missing: list[uuid.UUID] = []
    for parent_id, (stale_at, interval) in freshness.items():
        for pk, missed_at in children_of[parent_id]:
            if pk in named[uuid.UUID(parent_id)]:
                settled.append((pk, None, stale_at, interval))
            elif missed_at is None:  # Else it is asked a second time already.
                missing.append(pk)
    bulk.update(Backup, _SETTLED_COLUMNS, settled)
    for batch in in_batches(missing):
        Backup.objects.filter(pk__in=batch).update(next_refresh_at=now)
    data_changed()


def ask_about(cloud: str, gone: Sequence[uuid.UUID], now: datetime) -> None:
    """Has the children of backups that are found to be gone asked about singly: that they went with
    it is likely, and a fact once the cloud has said so of each.
    """
    for batch in in_batches(server_backups.children_of(gone)):
        rows = Backup.objects.filter(pk__in=batch, cloud=cloud, gone_at=None)
        rows.update(next_refresh_at=now)
