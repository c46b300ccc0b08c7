"""Backups in flight, with the pace and the end that their observed progress tells."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F

from backups.analysis.running import NO_PACE, RunningBackup, Slowness, pace, slowness
from backups.models import FULL_ACCESS, Backup, Cloud
from backups.models.backup import BackupQuerySet
from backups.models.cloud import SILENT_AFTER
from backups.models.columns import unindexed
from backups.vbs.statuses import IN_FLIGHT

MOST_LISTED = 1000
_COLUMNS = (
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
    "running",
    "stuck_at",
)


@dataclass(frozen=True, kw_only=True)
class RunningState:
    """`speed_mb_s`: of a full backup, from progress and the size of its volume; what the
    cloud says is `throughput_mb_s`.

    `eta` and the speeds are None until progress was seen to move; `moved_at`: when it was last.
    `stuck_at`: since when it counts as stuck. `slowness`: of what moves much slower than usual.
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
    moved_at: datetime | None
    slowness: Slowness | None


def running_backups(now: datetime, clouds: Sequence[Cloud]) -> list[RunningState]:
    """Returns the backups in flight of which the knowledge is fresh: the stuck first, of both the
    newest first, at most MOST_LISTED. `clouds` are all that the reader may see.
    """
    rows = _fresh_in_flight(now, clouds).order_by(F("stuck_at").asc(nulls_last=True), "id")
    states = [_running_state(row, now) for row in rows.values(*_COLUMNS)[:MOST_LISTED]]

    def place(state: RunningState) -> tuple[bool, float, str]:
        since = state.stuck_at or state.since or now
        return state.stuck_at is None, -since.timestamp(), str(state.id)

    return sorted(states, key=place)


def count_running(now: datetime, clouds: Sequence[Cloud]) -> int:
    """Counts what `running_backups` lists, without its limit."""
    return _fresh_in_flight(now, clouds).count()


def _fresh_in_flight(now: datetime, clouds: Sequence[Cloud]) -> BackupQuerySet:
    """Filters by the cloud with an expression, so that SQLite takes the index of the status, which
    is best here.
    """
    names = [cloud.name for cloud in clouds]
    answering = Cloud.objects.filter(name__in=names, last_good_at__gt=now - SILENT_AFTER)
    counted = Backup.objects.counted(FULL_ACCESS.within(frozenset(names)))
    return counted.alias(cloud_name=unindexed("cloud")).filter(
        status__in=IN_FLIGHT,
        gone_at__isnull=True,
        stale_at__gt=now,
        cloud_name__in=answering.values("name"),
    )


def _running_state(row: Mapping[str, Any], now: datetime) -> RunningState:
    observed = RunningBackup.of_json(row["running"])
    observed_pace = pace(observed, now) if observed else NO_PACE
    is_stuck = row["stuck_at"] is not None and row["stuck_at"] <= now
    speed_mb_s = None
    if row["kind"] == "full" and row["size"] and observed_pace.percent_per_minute:
        size_mb = row["size"] * 1024
        speed_mb_s = round(size_mb * observed_pace.percent_per_minute / 100 / 60, 1)
    return RunningState(
        id=row["id"],
        name=row["name"],
        cloud=row["cloud"],
        volume_id=row["volume_id"],
        status=row["status"],
        progress=row["progress"],
        throughput_mb_s=row["throughput_mb_s"],
        since=observed.since if observed else None,
        refreshed_at=row["refreshed_at"],
        percent_per_minute=observed_pace.percent_per_minute,
        speed_mb_s=speed_mb_s,
        eta=None if is_stuck else observed_pace.eta,
        stuck_at=row["stuck_at"] if is_stuck else None,
        moved_at=observed.moved_at if observed else None,
        slowness=slowness(observed) if observed and not is_stuck else None,
    )
