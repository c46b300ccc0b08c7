"""When a backup is asked about again, and when what is known of it turns old. Pure; times in
UTC.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from backups.vbs.statuses import IN_FLIGHT, SETTLED

FIRST_POLL = timedelta(seconds=10)
SLOWEST_POLL = timedelta(seconds=120)  # of a backup in flight
YOUNG, YOUNG_LOOK, OLD_LOOK = timedelta(hours=24), timedelta(minutes=15), timedelta(hours=6)
GONE_LOOK, GONE_FOR = timedelta(days=1), timedelta(days=7)
CONFIRM_GONE = timedelta(seconds=30)  # the second look before "gone" is believed
LATER, LATEST = (
    timedelta(seconds=10),
    timedelta(seconds=60),
)  # after an answer that says "later", doubling
REFUSED, REFUSED_LATEST = (
    timedelta(seconds=30),
    timedelta(minutes=15),
)  # after one that says "not like this"
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Poll:
    """`interval` in seconds, before jitter. `stale_at`: twice the interval after the good answer,
    exactly.
    """

    interval: int
    next_refresh_at: datetime
    stale_at: datetime


def interval(
    *,
    status: str | None,
    created_at: datetime | None,
    changed_at: datetime,
    unchanged_polls: int,
    now: datetime,
) -> timedelta:
    """In flight: 10 s, doubling to 120 s while nothing changes. Settled: 15 min in the first day,
    then 6 h.

    A status nobody knows is watched like one in flight, and after a day without a change like a
    settled one.
    """
    if status not in SETTLED and (status in IN_FLIGHT or now - changed_at < YOUNG):
        doubled: timedelta = FIRST_POLL * 2 ** min(unchanged_polls, 4)
        return min(doubled, SLOWEST_POLL)
    return YOUNG_LOOK if now - (created_at or changed_at) < YOUNG else OLD_LOOK


def next_poll(backup_id: uuid.UUID, every: timedelta, now: datetime) -> Poll:
    return Poll(int(every.total_seconds()), now + jittered(backup_id, every), now + 2 * every)


def jittered(backup_id: uuid.UUID, every: timedelta) -> timedelta:
    """±20 % by the ID's own bits, so that backups added together do not stay together."""
    return every * (1 - JITTER + 2 * JITTER * (backup_id.int % 1000) / 999)


def later(class_name: str, failures: int) -> timedelta:
    """How long a look that failed for the `failures`-th time in a row puts off the next one."""
    first, most = (LATER, LATEST) if class_name == "unavailable" else (REFUSED, REFUSED_LATEST)
    doubled: timedelta = first * 2 ** min(max(failures - 1, 0), 10)
    return min(doubled, most)


def gone_poll(gone_at: datetime, now: datetime) -> datetime | None:
    """Daily for a week, in case the cloud thinks again; then never."""
    return now + GONE_LOOK if now - gone_at < GONE_FOR else None
