"""Which backups are tracked: reading IDs out of what people paste, adding, untracking, following a
cloud's list.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backups.clouds import registry, sign_in
from backups.clouds.registry import UnknownCloud
from backups.derived import queue
from backups.derived.moves import by_cloud, forget, move, volumes_of
from backups.edits.pasted_ids import Line, read_ids
from backups.models import Backup, Cloud, SearchText
from backups.shared.batches import IDS_PER_QUERY, in_batches
from backups.shared.locks import clouds_of, lock_clouds


@dataclass(frozen=True)
class Invalid:
    value: str
    reason: str


@dataclass(frozen=True)
class Added:
    added: list[str]
    already_tracked: list[str]
    invalid: list[Invalid]


@dataclass(frozen=True)
class Verdict:
    """What adding a pasted line would do."""

    value: str
    state: Literal["new", "already_tracked", "duplicate", "invalid"]
    reason: str | None
    id: str | None


def add(
    *, cloud: str, values: Iterable[str], now: datetime, may_touch: frozenset[str] | None = None
) -> Added:
    """Track the IDs among `values` in `cloud`. Raises UnknownCloud, TooMany.

    One that is tracked under another cloud moves here when nobody ever saw it there, or that cloud
    is configured no more. `may_touch`: out of these clouds only, None for all of them.
    """
    lines = read_ids(*values)
    _check(cloud)
    ids = list(dict.fromkeys(line.id for line in lines if line.id is not None))
    invalid = [Invalid(line.value, line.reason or "") for line in lines if line.id is None]
    with transaction.atomic():
        Cloud.objects.bulk_create([Cloud(name=cloud)], ignore_conflicts=True)
        lock_clouds([cloud, *(one.cloud for one in _known(ids).values() if one.moves_to(cloud))])
        known = _known(
            ids
        )  # an answer that was being stored meanwhile counts: a seen one does not move
        fresh = sorted(one for one in ids if one not in known)  # in one order for all who add
        moved = [one for one in ids if one in known and known[one].moves_to(cloud)]
        moved = [one for one in moved if may_touch is None or known[one].cloud in may_touch]
        rows = [
            Backup(id=uuid.UUID(one), cloud_id=cloud, tracked_at=now, next_refresh_at=now)
            for one in fresh
        ]
        Backup.objects.bulk_create(rows, ignore_conflicts=True, batch_size=IDS_PER_QUERY)
        SearchText.objects.put({"id": row.pk} for row in rows)
        left = move(moved, cloud, now)
    forget(left, now)
    new = {*fresh, *moved}
    return Added(
        [one for one in ids if one in new], [one for one in ids if one not in new], invalid
    )


def preview(*, cloud: str, text: str) -> list[Verdict]:
    """What `add` would do with each line, writing nothing. Raises UnknownCloud, TooMany."""
    _check(cloud)
    lines = read_ids(text)
    known = _known([line.id for line in lines if line.id is not None])
    seen: set[str] = set()
    found = []
    for line in lines:
        found.append(_verdict(line, cloud, known, seen))
        if line.id is not None:
            seen.add(line.id)
    return found


def untrack(ids: Sequence[str]) -> int:
    """Forget these backups and all that was known of them; how many there were. Their disks are
    judged anew.
    """
    gone, now = 0, timezone.now()
    with transaction.atomic():
        lock_clouds(clouds_of(ids))
        # Read under the lock: an answer that was being stored meanwhile may have named another
        # disk.
        volumes = by_cloud(volumes_of(ids))
        for cloud, volume_ids in volumes.items():
            queue.mark(cloud, volume_ids, now)
        for batch in in_batches(ids):
            gone += Backup.objects.filter(pk__in=batch).delete()[1].get("backups.Backup", 0)
    forget(volumes, now)
    return gone


def refresh_now(ids: Sequence[str], now: datetime) -> int:
    """Make these due at once, for a person; how many there are. A cloud that is left alone gets one
    more try.
    """
    left_alone = Cloud.objects.filter(Q(refused_at__isnull=False) | Q(pause_reason="breaker"))
    names = set(left_alone.values_list("pk", flat=True))
    asked = clouds_of(ids)
    sign_in.try_again(sorted(asked & names))
    with transaction.atomic():
        lock_clouds(asked)
        return sum(
            Backup.objects.filter(pk__in=batch).update(next_refresh_at=now)
            for batch in in_batches(ids)
        )


@dataclass(frozen=True)
class _Known:
    """A backup that is tracked already."""

    seen: bool
    cloud: str

    @property
    def is_orphaned(self) -> bool:
        return self.cloud not in registry.configured()

    def moves_to(self, cloud: str) -> bool:
        return self.cloud != cloud and (not self.seen or self.is_orphaned)


def _known(ids: Sequence[str]) -> dict[str, _Known]:
    rows = (
        row
        for batch in in_batches(ids)
        for row in Backup.objects.filter(pk__in=batch).values_list("pk", "refreshed_at", "cloud")
    )
    return {str(pk): _Known(refreshed_at is not None, cloud) for pk, refreshed_at, cloud in rows}


def _verdict(line: Line, cloud: str, known: dict[str, _Known], seen: set[str]) -> Verdict:
    if line.id is None:
        return Verdict(line.value, "invalid", line.reason, None)
    if line.id in seen:
        return Verdict(line.value, "duplicate", "It stands above already.", line.id)
    if line.id in known and known[line.id].moves_to(cloud):
        return Verdict(line.value, "new", f"It moves here from {known[line.id].cloud}.", line.id)
    if line.id in known:
        return Verdict(
            line.value, "already_tracked", f"Tracked in {known[line.id].cloud}.", line.id
        )
    return Verdict(line.value, "new", None, line.id)


def _check(cloud: str) -> None:
    if cloud not in registry.configured():
        raise UnknownCloud(cloud)
