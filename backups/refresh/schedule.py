"""Computes when a backup is asked about again, and when what is stored of it turns stale.

Pure: no clock and no database. Times are in UTC.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from backups.models.backup import IN_FLIGHT_LONGEST_INTERVAL_S
from backups.vbs.statuses import IN_FLIGHT, SETTLED

IN_FLIGHT_FIRST_INTERVAL = timedelta(seconds=10)
IN_FLIGHT_LONGEST_INTERVAL = timedelta(seconds=IN_FLIGHT_LONGEST_INTERVAL_S)

RECENT_FOR = timedelta(hours=24)
RECENT_INTERVAL = timedelta(minutes=15)
OLD_INTERVAL = timedelta(hours=6)

# A first itemNotFound is believed when a second call, after this time, says the same.
CONFIRM_GONE = timedelta(seconds=30)
GONE_INTERVAL = timedelta(days=1)
GONE_POLLED_FOR = timedelta(days=7)

# After a call that the cloud could not answer; doubles with each failure in a row.
UNAVAILABLE_FIRST_DELAY = timedelta(seconds=10)
UNAVAILABLE_LONGEST_DELAY = timedelta(seconds=60)

# After a call that the cloud refused; doubles with each failure in a row.
REFUSED_FIRST_DELAY = timedelta(seconds=30)
REFUSED_LONGEST_DELAY = timedelta(minutes=15)

JITTER = 0.2
JITTER_STEPS = 250


@dataclass(frozen=True, slots=True)
class Poll:
    """When a backup is polled next.

    `interval` is in seconds, before jitter. `stale_at` is exactly twice the interval after the
    last good answer.
    """

    interval: int
    next_refresh_at: datetime
    stale_at: datetime


def poll_interval(
    *,
    status: str | None,
    created_at: datetime | None,
    changed_at: datetime,
    unchanged_polls: int,
    now: datetime,
) -> timedelta:
    """Returns how long to wait between two polls of a backup, before jitter.

    In flight: 10 s, doubling to 120 s while nothing changes. Settled: 15 minutes on the first day,
    then 6 hours. An unknown status is polled like one in flight, and after a day without a change
    like a settled one.
    """
    is_unknown = status not in SETTLED and status not in IN_FLIGHT
    if status in IN_FLIGHT or (is_unknown and now - changed_at < RECENT_FOR):
        doubled: timedelta = IN_FLIGHT_FIRST_INTERVAL * 2 ** min(unchanged_polls, 4)
        return min(doubled, IN_FLIGHT_LONGEST_INTERVAL)
    since = changed_at if created_at is None else created_at
    return RECENT_INTERVAL if now - since < RECENT_FOR else OLD_INTERVAL


def next_poll(backup_id: uuid.UUID, interval: timedelta, now: datetime) -> Poll:
    return Poll(
        interval=int(interval.total_seconds()),
        next_refresh_at=now + jittered(backup_id, interval),
        stale_at=now + 2 * interval,
    )


def jittered(backup_id: uuid.UUID, interval: timedelta) -> timedelta:
    """Returns the interval, 20 % shorter to 20 % longer by the bits of the ID.

    Without it, backups that were added together would be polled together for ever.
    """
    return at_jitter_step(backup_id.int % JITTER_STEPS, interval)


def at_jitter_step(step: int, interval: timedelta) -> timedelta:
    """Returns the interval at a step from 0 (20 % shorter) to JITTER_STEPS - 1 (20 % longer)."""
    return interval * (1 - JITTER + 2 * JITTER * step / (JITTER_STEPS - 1))


def retry_delay(error_class: str, failures: int) -> timedelta:
    """Returns how long to wait after a poll that failed for the `failures`-th time in a row."""
    if error_class == "unavailable":
        first = UNAVAILABLE_FIRST_DELAY
        longest = UNAVAILABLE_LONGEST_DELAY
    else:
        first = REFUSED_FIRST_DELAY
        longest = REFUSED_LONGEST_DELAY
    doubled: timedelta = first * 2 ** min(max(failures - 1, 0), 10)
    return min(doubled, longest)


def next_poll_of_gone(gone_at: datetime, now: datetime) -> datetime | None:
    """Returns the next daily poll of a gone backup, which may come back; None after a week."""
    return now + GONE_INTERVAL if now - gone_at < GONE_POLLED_FOR else None
