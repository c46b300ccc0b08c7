"""When a backup is asked about again, and when what is known of it turns old. Pure; times in UTC."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

IN_FLIGHT = frozenset({"creating", "restoring", "deleting"})
SETTLED = frozenset({"available", "error", "error_deleting", "error_restoring", "deleted"})
FIRST_LOOK = timedelta(seconds=10)
SLOWEST_LOOK = timedelta(seconds=120)  # of a backup in flight
YOUNG, YOUNG_LOOK, OLD_LOOK = timedelta(hours=24), timedelta(minutes=15), timedelta(hours=6)
GONE_LOOK, GONE_FOR = timedelta(days=1), timedelta(days=7)
CONFIRM_GONE = timedelta(seconds=30)  # the second look before "gone" is believed
JITTER = 0.2


@dataclass(frozen=True)
class Look:
    """`next_refresh_at` None: never again by itself. `stale_at`: twice the interval after the last good answer."""

    next_refresh_at: datetime | None
    stale_at: datetime


def interval(
    *, status: str | None, created_at: datetime | None, changed_at: datetime, unchanged_looks: int, now: datetime
) -> timedelta:
    """In flight: 10 s, doubling to 120 s while nothing changes. Settled: 15 min in the first day, then 6 h.

    A status nobody knows is watched like one in flight, at the cap, and after a day like a settled one.
    """
    if status in IN_FLIGHT:
        doubled: timedelta = FIRST_LOOK * 2 ** min(unchanged_looks, 4)
        return min(doubled, SLOWEST_LOOK)
    if status not in SETTLED and now - changed_at < YOUNG:
        return SLOWEST_LOOK
    return YOUNG_LOOK if now - (created_at or changed_at) < YOUNG else OLD_LOOK


def look(backup_id: uuid.UUID, every: timedelta, now: datetime) -> Look:
    """±20 % by the ID's own bits, so that backups added together do not stay together."""
    spread = (backup_id.int % 1000) / 999 * 2 * JITTER - JITTER
    return Look(now + every * (1 + spread), now + 2 * every * (1 + JITTER))


def gone_look(gone_at: datetime, now: datetime) -> datetime | None:
    """Daily for a week, in case the cloud thinks again; then never."""
    return now + GONE_LOOK if now - gone_at < GONE_FOR else None
