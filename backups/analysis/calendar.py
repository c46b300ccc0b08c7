"""Days as a reader's zone has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Day:
    """From `begin` up to, not including, `end`: 23 or 25 hours where the clocks change."""

    day: date
    begin: datetime
    end: datetime


def last_days(now: datetime, zone: tzinfo, *, count: int) -> Sequence[Day]:
    """Returns `count` days, the last one being the day of `now`."""
    today = now.astimezone(zone).date()
    days = []
    for days_back in range(count - 1, -1, -1):
        day = today - timedelta(days=days_back)
        days.append(Day(day, midnight(day, zone), midnight(day + timedelta(days=1), zone)))
    return days


@lru_cache(maxsize=2048)  # of a year, for the rows of a page
def midnight(day: date, zone: tzinfo) -> datetime:
    """Returns the first moment of a day; where the clocks skip midnight, the moment
    at which they do.
    """
    at = datetime.combine(day, time(), zone)
    return at if zone is UTC else at.astimezone(UTC)
