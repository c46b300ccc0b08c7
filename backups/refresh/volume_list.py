"""Reads the cloud's own list of volumes: names, sizes, volumes without any backup, deleted ones.

That a list does not name a volume proves nothing by itself. A volume is deleted when it is absent
from two whole lists at least ten minutes apart, or from one and its own GET says itemNotFound. When
many are absent at once the list is doubted: then their own GETs alone decide, and nothing else is
judged by it. A list that broke off deletes no volume.

The list is optional. Where the cloud refuses it, operators label and register volumes by hand, and
the clouds page says so.
"""

import random
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce

from backups.analysis.numbers import thousands
from backups.clouds import registry
from backups.clouds.permission import may_ask
from backups.derived import queue, twins
from backups.derived.volumes import CONFIRMED_AFTER, request_sweep
from backups.models import Cloud, Volume
from backups.models.data_version import data_changed
from backups.refresh import list_support, members
from backups.refresh.list_support import LIST_BUDGET_WAIT_S
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

EVERY = timedelta(hours=1)
RETRY_AFTER = timedelta(minutes=10)
RETRY_WITHOUT_BUDGET_AFTER = timedelta(minutes=1)
SINGLE_GETS_PER_LIST = 200
FAILURES_IN_A_ROW = 3  # of single GETs; no more are made then
NOTHING_DELETED = ", so no disk counts as deleted by it."
BY_HAND = "Label and register disks by hand, or set volume_endpoint_override in clouds.yaml."


@dataclass(frozen=True)
class Absence:
    """Which volumes a list did not name, and out of how many known ones.

    `unreadable` entries of the list have no ID that can be read; each may be of an absent volume.
    """

    absent: list[str]
    known: int
    unreadable: int = 0

    @property
    def is_doubted(self) -> bool:
        return self.unreadable > 0 or list_support.lacks_many(len(self.absent), of=self.known)


@dataclass(frozen=True)
class SingleAnswers:
    """What single GETs said of absent volumes; of the others it is not known whether they exist."""

    existing: dict[str, ListedVolume]  # by ID
    gone: list[str]


def is_due(cloud: Cloud, now: datetime) -> bool:
    return cloud.volumes_due_at is None or cloud.volumes_due_at <= now


def read_due(name: str) -> int:
    """Reads the list of a cloud if it is due and the cloud may be asked; returns how
    many volumes it named.
    """
    now = clock.now()
    cloud = may_ask(name, now)
    if cloud is None or not is_due(cloud, now) or not claim(name, now):
        return 0
    return read(name, now)


def claim(name: str, now: datetime) -> bool:
    """Puts the next reading off by an hour. Of several processes one is told True, and reads."""
    due = Q(volumes_due_at=None) | Q(volumes_due_at__lte=now)
    return Cloud.objects.filter(due, pk=name).update(volumes_due_at=now + EVERY) == 1


def read(name: str, now: datetime) -> int:
    """Reads and stores the whole list; returns how many volumes it named.

    A failure is stored as a sentence for the clouds page.
    """
    entries: list[object] = []
    try:
        with registry.meter(name).bulk(until=time.monotonic() + LIST_BUDGET_WAIT_S):
            pages = registry.client(name).walk_volumes()
            for page in pages:
                entries.extend(page)
    except OutOfBudget:
        Cloud.objects.filter(pk=name).update(volumes_due_at=now + RETRY_WITHOUT_BUDGET_AFTER)
        return 0
    except VBSError as e:
        sentence = f"The list of disks was not read: {e.message_with_request.rstrip('.')}."
        if e.class_name in ("rejected", "wrong_address", "gone"):
            _note_error(name, f"{sentence} {BY_HAND}")
        else:
            _note_error(name, sentence, retry_at=now + RETRY_AFTER)
        return 0
    listed = listed_volume.decode(entries)
    unreadable = sum(listed_volume.decode_entry(entry) is None for entry in entries)
    absence = replace(store_listed(name, listed, now), unreadable=unreadable)
    is_complete = pages.complete and not absence.is_doubted
    members.note_volumes(name, _policies_named(listed), now, is_complete=is_complete)
    if pages.complete:
        answers = _ask_singly(name, absence.absent)
        judge_absent(name, absence, answers, now)
        _note_list(name, len(listed), absence, answers, now)
    else:
        sentence = f"The list of disks did not come to its end{NOTHING_DELETED}"
        _note_error(name, sentence, retry_at=now + RETRY_AFTER)
    return len(listed)


def store_listed(cloud: str, listed: Sequence[ListedVolume], now: datetime) -> Absence:
    """Stores the volumes that a list named, which was requested at `now`; returns what
    it did not name.
    """
    listed_by_id = {volume.id: volume for volume in listed}
    rows: list[Volume] = []
    with transaction.atomic():
        # One list of a cloud is stored at a time.
        lock_cloud(cloud)
        rows.extend(lock_volumes(Volume.objects.filter(cloud=cloud)))
        new = dict(listed_by_id)
        for row in rows:
            new.pop(row.volume_id, None)
        _create(new.values(), cloud, now)
        _update_existing(rows, listed_by_id, now)
        if new:
            request_sweep(cloud, now)
        data_changed()
    twins.settle(cloud, now)
    queue.derive_due(cloud, now)
    known = 0
    absent: list[str] = []
    for row in rows:
        if row.deleted_at is None and row.first_seen_at <= now:
            known += 1
            if row.volume_id not in listed_by_id:
                absent.append(row.volume_id)
    return Absence(absent, known)


def judge_absent(cloud: str, absence: Absence, answers: SingleAnswers, now: datetime) -> None:
    """Stores what was found out about the volumes that a whole list did not name.

    What the single GETs say counts. Of the other volumes the first absence is noted and a later one
    confirms it, unless this list is doubted, or was just proved wrong: then it says nothing.
    """
    is_believed = not absence.is_doubted and not answers.existing
    with transaction.atomic():
        lock_cloud(cloud)
        # Nor did a list name them that was requested later and stored sooner.
        not_listed_since = Q(listed_at=None) | Q(listed_at__lte=now)
        rows = Volume.objects.filter(
            not_listed_since, cloud=cloud, volume_id__in=absence.absent, deleted_at=None
        )
        absent = list(lock_volumes(rows))
        _update_existing(absent, answers.existing, now)
        deleted: list[int] = []
        newly_missing: list[int] = []
        for row in absent:
            if row.volume_id in answers.gone:
                deleted.append(row.pk)
            elif not is_believed:
                continue
            elif row.missing_since is None:
                newly_missing.append(row.pk)
            elif row.missing_since <= now - CONFIRMED_AFTER:
                deleted.append(row.pk)
        for batch in in_batches(newly_missing):
            Volume.objects.filter(pk__in=batch).update(missing_since=now)
        _mark_deleted(deleted, now)
        members.leave_with_volumes(cloud, deleted)
        data_changed()
    queue.derive_due(cloud, now)


def _policies_named(listed: Iterable[ListedVolume]) -> dict[str, str]:
    """Returns the policy that each volume names in its metadata, by volume ID."""
    return {volume.id: volume.policy_id for volume in listed if volume.policy_id is not None}


def _create(new: Iterable[ListedVolume], cloud: str, now: datetime) -> None:
    """Creates volumes that no backup made known.

    One that a backup makes known at this very moment is left to the next list.
    """
    rows = []
    # In one order for all who write.
    for volume in sorted(new, key=lambda volume: volume.id):
        row = Volume(cloud_id=cloud, volume_id=volume.id, name=volume.name, size=volume.size)
        row.server_ids = _listed_servers(volume)
        row.first_seen_at = now
        row.listed_at = now
        row.derive_at = now
        rows.append(row)
    twins.place_at_birth(cloud, rows)
    Volume.objects.bulk_create(rows, ignore_conflicts=True, batch_size=IDS_PER_QUERY)


def _update_existing(
    rows: Sequence[Volume], listed_by_id: Mapping[str, ListedVolume], now: datetime
) -> None:
    """Updates those of the rows that are listed; most have not changed but for `listed_at`."""
    listed_pks: list[int] = []
    changed: list[Volume] = []
    for row in rows:
        volume = listed_by_id.get(row.volume_id)
        if volume is None:
            continue
        listed_pks.append(row.pk)
        is_back = row.deleted_at is not None or row.missing_since is not None
        server_ids = _listed_servers(volume)
        are_servers_known = server_ids is not None and row.server_ids != server_ids
        if is_back or row.name != volume.name or row.size != volume.size or are_servers_known:
            if row.deleted_at is not None:
                row.derive_at = now
            row.name = volume.name
            row.size = volume.size
            if are_servers_known:
                row.server_ids = server_ids
            row.missing_since = None
            row.deleted_at = None
            changed.append(row)
    columns = ["name", "size", "server_ids", "missing_since", "deleted_at", "derive_at"]
    Volume.objects.bulk_update(changed, columns, batch_size=100)
    for batch in in_batches(listed_pks):
        Volume.objects.filter(pk__in=batch).update(listed_at=now)


def _listed_servers(volume: ListedVolume) -> list[str] | None:
    return None if volume.server_ids is None else list(volume.server_ids)


def _mark_deleted(pks: Sequence[int], now: datetime) -> None:
    """Marks volumes as deleted and to be derived: of a deleted volume no backup can be missed."""
    for batch in in_batches(pks):
        rows = Volume.objects.filter(pk__in=batch)
        rows.update(deleted_at=Coalesce("missing_since", now), missing_since=None, derive_at=now)


def _ask_singly(name: str, volume_ids: Collection[str]) -> SingleAnswers:
    """Makes single GETs within the budget and a bounded time; of too many volumes, for random ones.

    An odd answer says nothing of its volume, and hides no other one.
    """
    answers = SingleAnswers({}, [])
    client = registry.client(name)
    failures_in_a_row = 0
    chosen = random.sample(list(volume_ids), min(len(volume_ids), SINGLE_GETS_PER_LIST))
    with registry.meter(name).bulk(until=time.monotonic() + LIST_BUDGET_WAIT_S):
        for volume_id in chosen:
            try:
                volume = listed_volume.decode_entry(client.get_volume(volume_id))
                if volume is not None:
                    answers.existing[volume.id] = volume
            except Gone:
                answers.gone.append(volume_id)
            except (Rejected, WrongAddress, Malformed):
                pass
            except Unavailable:
                failures_in_a_row += 1
                if failures_in_a_row == FAILURES_IN_A_ROW:
                    break
                continue
            except VBSError:
                break
            failures_in_a_row = 0
    return answers


def _note_list(
    name: str, listed: int, absence: Absence, answers: SingleAnswers, now: datetime
) -> None:
    """Stores whether the list was right, and when it is read again."""
    existing = len(answers.existing)
    undecided = len(absence.absent) - existing - len(answers.gone)
    sentence: str | None = None
    if existing:
        disks_are = "1 disk that is" if existing == 1 else f"{thousands(existing)} disks that are"
        sentence = (
            f"The list of disks lacked {disks_are} there when asked for by ID{NOTHING_DELETED}"
        )
    elif absence.unreadable and undecided:
        n = absence.unreadable
        entries_have = "1 entry has" if n == 1 else f"{thousands(n)} entries have"
        sentence = f"In the list of disks {entries_have} no ID that can be read{NOTHING_DELETED}"
    elif absence.is_doubted and undecided:
        sentence = (
            f"The list of disks named {thousands(listed)}, and lacked "
            f"{thousands(len(absence.absent))} of {thousands(absence.known)} that were known: "
            "it is doubted, and no disk counts as deleted by it."
        )
    if sentence is not None:
        _note_error(name, sentence, retry_at=now + RETRY_AFTER)
        return
    cloud = Cloud.objects.filter(pk=name)
    if undecided or absence.is_doubted:
        cloud.update(volumes_listed_at=now, volumes_error=None, volumes_due_at=now + RETRY_AFTER)
    else:
        cloud.update(volumes_listed_at=now, volumes_error=None)
    data_changed()


def _note_error(cloud: str, sentence: str, retry_at: datetime | None = None) -> None:
    """Stores why the list does not count, for the clouds page."""
    rows = Cloud.objects.filter(pk=cloud)
    if retry_at is None:
        rows.update(volumes_error=sentence)
    else:
        rows.update(volumes_error=sentence, volumes_due_at=retry_at)
    data_changed()
