"""The cloud's own list of disks: names, sizes, disks without any backup, and those that are no
more. Optional.

That a list does not name a disk proves nothing by itself. A disk is deleted when it is absent from
two whole lists at least ten minutes apart, or from one and its own GET says itemNotFound. When many
are absent at once the list is doubted: then their own GETs alone decide, and nothing else is judged
by it. A list that broke off takes no disk away.

Where the cloud refuses the list, operators label and register disks by hand, and the clouds page
says so.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce

from backups.clouds import registry
from backups.clouds.permission import may_ask
from backups.derived import queue
from backups.derived.volumes import CONFIRMED_AFTER, have_backups_counted
from backups.models import Cloud, Volume
from backups.refresh import list_support
from backups.shared import clock
from backups.shared.batches import IDS_PER_QUERY, in_batches
from backups.shared.locks import lock_cloud, lock_volumes
from backups.vbs import listed_volume
from backups.vbs.errors import (
    Gone,
    Malformed,
    OutOfBudget,
    Rejected,
    Unavailable,
    VBSError,
    WrongAddress,
)
from backups.vbs.listed_volume import ListedVolume

EVERY, AGAIN, SOON = timedelta(hours=1), timedelta(minutes=10), timedelta(minutes=1)
PAGE_WAIT = 45.0  # seconds to wait for the budget of a page
ASKED_AT_ONCE = 200  # disks that are asked for singly after one list
MOST_FAILURES = 3  # of single GETs in a row
NOTHING_DELETED = ", so no disk counts as deleted by it."
BY_HAND = "Label and register disks by hand, or set volume_endpoint_override in clouds.yaml."


@dataclass(frozen=True)
class Kept:
    """What a list left to be found out: the known disks that it did not name, out of how many known
    ones.

    `unreadable`: its entries without an ID that can be read; each may be of an absent disk.
    """

    absent: list[str]
    known: int
    unreadable: int = 0

    @property
    def is_doubted(self) -> bool:
        return self.unreadable > 0 or list_support.lacks_many(len(self.absent), of=self.known)


@dataclass(frozen=True)
class Asked:
    """What the cloud said of absent disks when it was asked for them singly; the others are still
    not known.
    """

    there: list[ListedVolume]
    gone: list[str]


def is_due(cloud: Cloud, now: datetime) -> bool:
    return cloud.volumes_due_at is None or cloud.volumes_due_at <= now


def read_due(name: str) -> int:
    """Read the list of a cloud, unless it is not due, or the cloud is to be left alone; how many
    disks it named.
    """
    now = clock.now()
    cloud = may_ask(name, now)
    return read(name, now) if cloud is not None and is_due(cloud, now) and claim(name, now) else 0


def claim(name: str, now: datetime) -> bool:
    """Whoever's UPDATE counts reads the list."""
    due = Q(volumes_due_at=None) | Q(volumes_due_at__lte=now)
    return bool(Cloud.objects.filter(due, pk=name).update(volumes_due_at=now + EVERY))


def read(name: str, now: datetime) -> int:
    """Ask for the whole list and keep what it says; how many disks it named. A failure is kept as a
    sentence.
    """
    try:
        with registry.meter(name).bulk(until=time.monotonic() + PAGE_WAIT):
            walk = registry.client(name).walk_volumes()
            entries = [entry for page in walk for entry in page]
    except OutOfBudget:
        Cloud.objects.filter(pk=name).update(volumes_due_at=now + SOON)
        return 0
    except VBSError as e:
        refused = e.class_name in ("rejected", "wrong_address", "gone")
        told = f"The list of disks was not read: {e.message.rstrip('.')}."
        _note(name, f"{told} {BY_HAND}" if refused else told, now, again=not refused)
        return 0
    listed = listed_volume.decode(entries)
    unreadable = sum(listed_volume.decode_entry(entry) is None for entry in entries)
    kept = replace(keep(name, listed, now), unreadable=unreadable)
    if walk.complete:
        asked = _ask_singly(name, kept.absent)
        judge_absent(name, kept, asked, now)
        _note_list(name, len(listed), kept, asked, now)
    else:
        _note(name, f"The list of disks did not come to its end{NOTHING_DELETED}", now, again=True)
    return len(listed)


def keep(cloud: str, listed: Sequence[ListedVolume], now: datetime) -> Kept:
    """Store the disks that a list named, asked for at `now`; what it did not name."""
    given = {one.id: one for one in listed}
    with transaction.atomic():
        lock_cloud(cloud)  # one list of a cloud at a time
        known = {row.volume_id: row for row in lock_volumes(Volume.objects.filter(cloud=cloud))}
        new = [one for one in listed if one.id not in known]
        _add(new, cloud, now)
        _write_named([row for row in known.values() if row.volume_id in given], given, now)
        if new:
            have_backups_counted(cloud, now)
    queue.derive_due(cloud, now)
    there = [
        row.volume_id
        for row in known.values()
        if row.deleted_at is None and row.first_seen_at <= now
    ]
    return Kept([volume_id for volume_id in there if volume_id not in given], len(there))


def judge_absent(cloud: str, kept: Kept, asked: Asked, now: datetime) -> None:
    """Store what was found out about the disks that a whole list did not name.

    What the single GETs say counts. Of the others the first absence is noted and a later one
    confirms it, unless this list is doubted, or was just proved wrong: then it says nothing.
    """
    there = {one.id: one for one in asked.there}
    decided = {*there, *asked.gone}
    with transaction.atomic():
        lock_cloud(cloud)
        unnamed = Q(listed_at=None) | Q(
            listed_at__lte=now
        )  # nor in a list that was asked for later
        mine = Volume.objects.filter(
            unnamed, cloud=cloud, volume_id__in=kept.absent, deleted_at=None
        )
        absent = list(lock_volumes(mine))
        _write_named([row for row in absent if row.volume_id in there], there, now)
        deleted = [row.pk for row in absent if row.volume_id in asked.gone]
        if not kept.is_doubted and not there:
            undecided = [row for row in absent if row.volume_id not in decided]
            _note_absence([row.pk for row in undecided if row.missing_since is None], now)
            deleted += [
                row.pk
                for row in undecided
                if row.missing_since and row.missing_since <= now - CONFIRMED_AFTER
            ]
        _delete(deleted, now)
    queue.derive_due(cloud, now)


def _add(new: Sequence[ListedVolume], cloud: str, now: datetime) -> None:
    """Disks that no backup made known; those that one makes known at this moment are left to the
    next list.
    """
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
    Volume.objects.bulk_create(rows, ignore_conflicts=True, batch_size=IDS_PER_QUERY)


def _write_named(rows: Sequence[Volume], given: dict[str, ListedVolume], now: datetime) -> None:
    """Disks that are there: most of them as they were, so their rows are told apart."""
    changed = []
    for row in rows:
        one = given[row.volume_id]
        was_gone = row.deleted_at is not None or row.missing_since is not None
        if was_gone or (row.name, row.size) != (one.name, one.size):
            row.name, row.size = one.name, one.size
            if row.deleted_at is not None:
                row.derive_at = now
            row.missing_since = row.deleted_at = None
            changed.append(row)
    columns = ["name", "size", "missing_since", "deleted_at", "derive_at"]
    Volume.objects.bulk_update(changed, columns, batch_size=100)
    for batch in in_batches([row.pk for row in rows]):
        Volume.objects.filter(pk__in=batch).update(listed_at=now)


def _note_absence(pks: Sequence[int], now: datetime) -> None:
    for batch in in_batches(pks):
        Volume.objects.filter(pk__in=batch).update(missing_since=now)


def _delete(pks: Sequence[int], now: datetime) -> None:
    """They are derived anew: of a disk that is gone no backup can be missed."""
    for batch in in_batches(pks):
        gone = Volume.objects.filter(pk__in=batch)
        gone.update(deleted_at=Coalesce("missing_since", now), missing_since=None, derive_at=now)


def _ask_singly(name: str, volume_ids: Sequence[str]) -> Asked:
    """Within the budget and a bounded time, some at random if they are too many.

    An odd answer says nothing of its disk, and hides no other one.
    """
    asked = Asked([], [])
    client = registry.client(name)
    failures = 0  # in a row
    with registry.meter(name).bulk(until=time.monotonic() + PAGE_WAIT):
        for volume_id in random.sample(volume_ids, min(len(volume_ids), ASKED_AT_ONCE)):
            try:
                asked.there.extend(listed_volume.decode([client.get_volume(volume_id)]))
            except Gone:
                asked.gone.append(volume_id)
            except (Rejected, WrongAddress, Malformed):
                pass
            except Unavailable:
                failures += 1
                if failures == MOST_FAILURES:
                    break
                continue
            except VBSError:
                break
            failures = 0
    return asked


def _note_list(name: str, listed: int, kept: Kept, asked: Asked, now: datetime) -> None:
    """Was the list right, and when is it to be read again?"""
    undecided = len(kept.absent) - len(asked.there) - len(asked.gone)
    if asked.there:
        n = len(asked.there)
        lacked = (
            f"The list of disks lacked {n:,} disk{'s' if n > 1 else ''} that "
            f"{'are' if n > 1 else 'is'} there"
        )
        _note(name, f"{lacked} when asked for by ID{NOTHING_DELETED}", now, again=True)
    elif kept.unreadable and undecided:
        n = kept.unreadable
        entries_have = "1 entry has" if n == 1 else f"{n:,} entries have"
        _note(
            name,
            f"In the list of disks {entries_have} no ID that can be read{NOTHING_DELETED}",
            now,
            again=True,
        )
    elif kept.is_doubted and undecided:
        named = (
            f"The list of disks named {listed:,}, and lacked {len(kept.absent):,} of "
            f"{kept.known:,} that were known"
        )
        _note(
            name, f"{named}: it is doubted, and no disk counts as deleted by it.", now, again=True
        )
    else:
        values: dict[str, datetime | None] = {"volumes_listed_at": now, "volumes_error": None}
        if undecided or kept.is_doubted:
            values["volumes_due_at"] = now + AGAIN
        Cloud.objects.filter(pk=name).update(**values)


def _note(cloud: str, sentence: str, now: datetime, *, again: bool) -> None:
    """Why the list does not count, on the clouds page. `again`: it is read again soon."""
    words = {"volumes_error": sentence} | ({"volumes_due_at": now + AGAIN} if again else {})
    Cloud.objects.filter(pk=cloud).update(**words)
