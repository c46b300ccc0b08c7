"""Which backups are tracked: reading IDs out of what people paste, adding, untracking, following a cloud's list."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backups.engine import clouds, derive, due_disks, signing_in
from backups.engine.locks import clouds_of, lock_clouds
from backups.engine.pasted import Line, read_ids
from backups.models import Backup, Cloud, SearchText, Volume
from backups.vbs.paging import HYPHENATED

CHUNK = 500  # IDs in one query; SQLite and PostgreSQL both take it


class UnknownCloud(ValueError):
    """No such cloud is configured; the text is a sentence for a person."""

    def __init__(self, name: str) -> None:
        known = ", ".join(sorted(clouds.configured())) or "none"
        super().__init__(f"“{name[:80]}” is no configured cloud. Configured: {known}.")


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


def add(*, cloud: str, values: Iterable[str], now: datetime, may_touch: frozenset[str] | None = None) -> Added:
    """Track the IDs among `values` in `cloud`; one never seen elsewhere moves here. Raises UnknownCloud, TooMany.

    `may_touch`: out of these clouds only, None for all of them.
    """
    lines = read_ids(*values)
    _check(cloud)
    ids = list(dict.fromkeys(line.id for line in lines if line.id is not None))
    invalid = [Invalid(line.value, line.reason or "") for line in lines if line.id is None]
    with transaction.atomic():
        Cloud.objects.bulk_create([Cloud(name=cloud)], ignore_conflicts=True)
        lock_clouds([cloud, *(one.cloud for one in _known(ids).values() if not one.seen)])
        known = _known(ids)  # an answer that was being stored meanwhile counts: a seen one does not move
        fresh = sorted(one for one in ids if one not in known)  # in one order for all who add
        moved = [one for one in ids if one in known and not known[one].seen and known[one].cloud != cloud]
        moved = [one for one in moved if may_touch is None or known[one].cloud in may_touch]
        rows = [Backup(id=uuid.UUID(one), cloud_id=cloud, tracked_at=now, next_refresh_at=now) for one in fresh]
        Backup.objects.bulk_create(rows, ignore_conflicts=True, batch_size=CHUNK)
        SearchText.objects.put({"id": row.pk} for row in rows)
        for part in _chunks(moved):
            Backup.objects.filter(pk__in=part).update(
                cloud=cloud, next_refresh_at=now, error=None, missed_at=None, gone_at=None, attempted_at=None
            )
    new = {*fresh, *moved}
    return Added([one for one in ids if one in new], [one for one in ids if one not in new], invalid)


def preview(*, cloud: str, text: str) -> list[Verdict]:
    """What `add` would do with each line, writing nothing. Raises UnknownCloud, TooMany."""
    _check(cloud)
    lines = read_ids(text)
    known = _known([line.id for line in lines if line.id is not None])
    seen: set[str] = set()
    found = []
    for line in lines:
        found.append(_verdict(line, known, seen))
        if line.id is not None:
            seen.add(line.id)
    return found


def untrack(ids: Sequence[str]) -> int:
    """Forget these backups and all that was known of them; how many there were. Their disks are judged anew."""
    gone, now = 0, timezone.now()
    with transaction.atomic():
        parts = [Backup.objects.filter(pk__in=part).order_by() for part in _chunks(ids)]
        lock_clouds(clouds_of(ids))
        # Read under the lock: an answer that was being stored meanwhile may have named another disk.
        found = {disk for part in parts for disk in part.values_list("cloud", "volume_id")}
        for part in parts:  # deleting takes them from there, whatever disk they are of by now
            found |= set(Volume.objects.filter(last_good__in=part).values_list("cloud", "volume_id"))
        disks = _by_cloud(found)
        for cloud, volume_ids in disks.items():
            due_disks.mark(cloud, volume_ids, now)
        for part in parts:
            gone += part.delete()[1].get("backups.Backup", 0)
    for cloud, volume_ids in disks.items():
        derive.forget_backups(cloud, volume_ids, now)
    return gone


def _by_cloud(disks: Iterable[tuple[str, str | None]]) -> dict[str, list[str]]:
    """The IDs of disks that are known, in one order for all who lock them."""
    found: dict[str, list[str]] = {}
    for cloud, volume_id in sorted((cloud, volume_id) for cloud, volume_id in disks if volume_id):
        found.setdefault(cloud, []).append(volume_id)
    return found


def refresh_now(ids: Sequence[str], now: datetime) -> int:
    """Make these due at once, for a person; how many there are. A cloud that is left alone gets one more try."""
    parts = [Backup.objects.filter(pk__in=part) for part in _chunks(ids)]
    left_alone = Cloud.objects.filter(Q(refused_at__isnull=False) | Q(pause_reason="breaker"))
    names = set(left_alone.values_list("pk", flat=True))
    asked = clouds_of(ids)
    signing_in.try_again(sorted(asked & names))
    with transaction.atomic():
        lock_clouds(asked)
        return sum(part.update(next_refresh_at=now) for part in parts)


def is_listed(entry: Any) -> bool:
    """A list entry with an ID that can be asked for; a broken one never hides its neighbours."""
    return isinstance(entry, dict) and HYPHENATED.fullmatch(str(entry.get("id"))) is not None


@dataclass(frozen=True)
class _Known:
    seen: bool
    cloud: str


def _known(ids: Sequence[str]) -> dict[str, _Known]:
    rows = (
        row
        for part in _chunks(ids)
        for row in Backup.objects.filter(pk__in=part).values_list("pk", "refreshed_at", "cloud")
    )
    return {str(pk): _Known(refreshed_at is not None, cloud) for pk, refreshed_at, cloud in rows}


def _verdict(line: Line, known: dict[str, _Known], seen: set[str]) -> Verdict:
    if line.id is None:
        return Verdict(line.value, "invalid", line.reason, None)
    if line.id in seen:
        return Verdict(line.value, "duplicate", "It stands above already.", line.id)
    if line.id in known:
        return Verdict(line.value, "already_tracked", f"Tracked in {known[line.id].cloud}.", line.id)
    return Verdict(line.value, "new", None, line.id)


def _check(cloud: str) -> None:
    if cloud not in clouds.configured():
        raise UnknownCloud(cloud)


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK))
