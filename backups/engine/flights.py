"""Backups in flight, with the pace and the end that their observed progress tells."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F

from backups.analysis.flight import Flight, Pace, pace
from backups.analysis.rules import span
from backups.engine.attention import Item
from backups.models import Backup
from backups.models.backup import IN_FLIGHT
from backups.models.columns import unindexed

MOST = 1000
_READ = ("id", "name", "cloud", "volume_id", "status", "progress", "size", "kind", "throughput_mb_s", "refreshed_at")


@dataclass(frozen=True, kw_only=True)
class FlightState:
    """`speed_mb_s`: of a full backup, from progress and the size of its disk; what the cloud says is `throughput_mb_s`.

    `eta` and the speeds are None until progress was seen to move. `stuck_at`: since when it counts as stuck.
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


def flights(now: datetime, *, heard: Sequence[str]) -> list[FlightState]:
    """Those of which the knowledge is fresh: the stuck first, then the newest; at most MOST. One query."""
    there = Backup.objects.filter(status__in=IN_FLIGHT, gone_at__isnull=True, stale_at__gt=now)
    known = there.alias(of_cloud=unindexed("cloud")).filter(of_cloud__in=heard)  # the index of status is best
    rows = known.order_by(F("stuck_at").asc(nulls_last=True), "id")
    found = [state_of(row, now) for row in rows.values(*_READ, "flight", "stuck_at")[:MOST]]
    return sorted(found, key=lambda one: (one.stuck_at is None, one.stuck_at or one.since or now, str(one.id)))


def state_of(row: Any, now: datetime) -> FlightState:
    """One backup in flight, from its columns."""
    flying = Flight.of_json(row["flight"])
    seen = pace(flying, now) if flying else Pace(None, None)
    stuck = row["stuck_at"] if row["stuck_at"] is not None and row["stuck_at"] <= now else None
    whole = row["kind"] == "full" and row["size"] and seen.percent_per_minute
    return FlightState(
        **{word: row[word] for word in _READ if word not in ("size", "kind")},
        since=flying.since if flying else None,
        percent_per_minute=seen.percent_per_minute,
        speed_mb_s=round(row["size"] * 1024 * seen.percent_per_minute / 6000, 1) if whole else None,
        eta=seen.eta if stuck is None else None,
        stuck_at=stuck,
    )


def stuck_items(found: Sequence[FlightState], now: datetime) -> list[Item]:
    return [_stuck(one, one.stuck_at, now) for one in found if one.stuck_at is not None]


def _stuck(one: FlightState, stuck_at: datetime, now: datetime) -> Item:
    length = span(now - one.since) if one.since else ""
    at = f" and stands at {one.progress} %" if one.progress else ""
    return Item(
        what="backup",
        id=str(one.id),
        state="stuck",
        why=f"It is {one.status} for {length}{at}: far longer than usual, or without progress.",
        next="Look in the cloud whether the job still runs; if it does not move, ask the cloud's support to end it.",
        since=stuck_at,
        cloud=one.cloud,
        title=one.name or str(one.id),
    )
