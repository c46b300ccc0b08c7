"""Backups in flight, with the pace and the end that their observed progress tells."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Value

from backups.analysis.rules import span
from backups.analysis.running import Pace, RunningBackup, pace
from backups.models import Backup, Cloud
from backups.models.cloud import SILENT_AFTER
from backups.models.columns import unindexed
from backups.reports.attention import Item
from backups.vbs.statuses import IN_FLIGHT

MOST = 1000
_CLOUD = {
    "cloud": "name",
    "refreshed_at": "last_good_at",
    "stuck_at": "backups_listed_at",
    "size": "quota_gb",
    "progress": "quota_backups",
}  # what of a cloud stands in which column
_READ = (
    "id",
    "name",
    "cloud",
    "volume_id",
    "status",
    "progress",
    "size",
    "kind",
    "throughput_mb_s",
    "refreshed_at",
)
_WORDS = (*_READ, "running", "stuck_at")


@dataclass(frozen=True, kw_only=True)
class RunningState:
    """`speed_mb_s`: of a full backup, from progress and the size of its disk; what the cloud says
    is `throughput_mb_s`.

    `eta` and the speeds are None until progress was seen to move. `stuck_at`: since when it counts
    as stuck.
    """

    id: uuid.UUID
    name: str | None
    cloud: str
    volume_id: str | None
    status: str
    progress: int | None
    throughput_mb_s: float | None
    since: datetime | None
    refreshed_at: datetime | None
    percent_per_minute: float | None
    speed_mb_s: float | None
    eta: datetime | None
    stuck_at: datetime | None


def clouds_and_running_backups(
    now: datetime, only: Sequence[str] | None
) -> tuple[list[Cloud], list[RunningState]]:
    """The clouds by name, and of those that answered the running backups of which the knowledge is
    fresh: the stuck first, then the newest, at most MOST. One query, so a cloud has only the
    columns of _CLOUD. `only`: these clouds.
    """
    mine = Cloud.objects.all() if only is None else Cloud.objects.filter(name__in=only)
    heard = mine.filter(last_good_at__gt=now - SILENT_AFTER).order_by().values("name")
    there = Backup.objects.filter(status__in=IN_FLIGHT, gone_at__isnull=True, stale_at__gt=now)
    known = there.alias(of_cloud=unindexed("cloud")).filter(
        of_cloud__in=heard
    )  # the index of status is best
    first = known.order_by(F("stuck_at").asc(nulls_last=True), "id").values("pk")[:MOST]
    parts = [
        _part(Backup.objects.filter(pk__in=first), {word: word for word in _WORDS}),
        _part(mine, _CLOUD),
    ]
    clouds, found = [], []
    for row in parts[0].union(parts[1], all=True):
        given = dict(zip(_WORDS, row, strict=True))
        if given["id"] is None:
            clouds.append(Cloud(**{word: given[column] for column, word in _CLOUD.items()}))
        else:
            found.append(state_of(given, now))
    found.sort(
        key=lambda one: (one.stuck_at is None, one.stuck_at or one.since or now, str(one.id))
    )
    return sorted(clouds, key=lambda one: one.name), found


def _part(rows: Any, words: Mapping[str, str]) -> Any:
    """Flights and clouds as rows of one shape; what a part has no word for is null."""
    fields = {field.name: field for field in Backup._meta.concrete_fields}
    columns = {
        f"w_{word}": F(words[word]) if word in words else Value(None, output_field=fields[word])
        for word in _WORDS
    }
    return rows.order_by().annotate(**columns).values_list(*columns)


def state_of(row: Any, now: datetime) -> RunningState:
    """One backup in flight, from its columns."""
    running_now = RunningBackup.of_json(row["running"])
    seen = pace(running_now, now) if running_now else Pace(None, None)
    stuck = row["stuck_at"] if row["stuck_at"] is not None and row["stuck_at"] <= now else None
    whole = row["kind"] == "full" and row["size"] and seen.percent_per_minute
    return RunningState(
        **{word: row[word] for word in _READ if word not in ("size", "kind")},
        since=running_now.since if running_now else None,
        percent_per_minute=seen.percent_per_minute,
        speed_mb_s=round(row["size"] * 1024 * seen.percent_per_minute / 6000, 1) if whole else None,
        eta=seen.eta if stuck is None else None,
        stuck_at=stuck,
    )


def stuck_items(found: Sequence[RunningState], now: datetime) -> list[Item]:
    return [_stuck(one, one.stuck_at, now) for one in found if one.stuck_at is not None]


def _stuck(one: RunningState, stuck_at: datetime, now: datetime) -> Item:
    length = span(now - one.since) if one.since else ""
    at = f" and stands at {one.progress} %" if one.progress else ""
    return Item(
        what="backup",
        id=str(one.id),
        state="stuck",
        why=f"It has been {one.status} for {length}{at}: far longer than usual, or without "
        "progress.",
        next="Look in the cloud whether the job still runs; if it does not move, ask the cloud's "
        "support to end it.",
        since=stuck_at,
        cloud=one.cloud,
        title=one.name or str(one.id),
    )
