"""When policies run: the two calendars of the services, written plainly, day by day.

Nothing here is shared with the product, whose calendars are proved against it. Times are seconds
since 1970.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

DAY = timedelta(days=1)
DAYS_AHEAD = 400  # How far the next slot is looked for.
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
SHORT_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_ZONE = re.compile(r"UTC([+-])(\d\d):(\d\d)")


class Calendar(Protocol):
    def slots(self, begin: float, end: float) -> list[float]:
        """Returns the runs with begin <= run < end, in order."""


def next_slot(calendar: Calendar, after: float) -> float | None:
    """Returns the first run after that moment, None where none comes within DAYS_AHEAD."""
    days = 2
    while days < 2 * DAYS_AHEAD:
        coming = calendar.slots(after + 0.001, after + days * 86_400)
        if coming:
            return coming[0]
        days *= 4
    return None


def _days(begin: float, end: float) -> list[date]:
    """Returns the days of UTC that the span touches, and one more on either side."""
    day = datetime.fromtimestamp(begin, UTC).date() - DAY
    last = datetime.fromtimestamp(end, UTC).date() + DAY
    days = []
    while day <= last:
        days.append(day)
        day += DAY
    return days


@dataclass(frozen=True, slots=True)
class VbsCalendar:
    """Full hours of UTC; the weekday, and the day of the month that "every n days" counts by, are
    those of the policy's zone.
    """

    hours: tuple[str, ...]
    frequency: int | None = 1
    weekdays: tuple[str, ...] = ()
    time_zone: str | None = None

    def slots(self, begin: float, end: float) -> list[float]:
        offset = _offset(self.time_zone)
        slots: set[float] = set()
        for day in _days(begin, end):
            for text in self.hours:
                hour = _hour(text)
                if hour is None:
                    continue
                at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
                if begin <= at.timestamp() < end and self._runs_on((at + offset).date()):
                    slots.add(at.timestamp())
        return sorted(slots)

    def _runs_on(self, day: date) -> bool:
        if self.frequency is not None:
            return (day.day - 1) % self.frequency == 0
        return WEEKDAYS[day.weekday()] in self.weekdays


def _offset(zone: str | None) -> timedelta:
    """Returns what the zone adds to UTC; nothing for one that cannot be read."""
    match = _ZONE.fullmatch(zone or "")
    if match is None:
        return timedelta(0)
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return -offset if match[1] == "-" else offset


def _hour(text: str) -> int | None:
    """Returns None for what is no full hour, at which nothing runs."""
    head, _, tail = text.strip().partition(":")
    if not head.isdigit() or tail != "00" or int(head) > 23:
        return None
    return int(head)


@dataclass(frozen=True, slots=True)
class RuleCalendar:
    """Patterns of RFC 2445 in UTC; an interval counts from the day of `start`."""

    patterns: tuple[str, ...]
    start: float = 0.0

    def slots(self, begin: float, end: float) -> list[float]:
        slots: set[float] = set()
        days = _days(begin, end)
        for pattern in self.patterns:
            words = dict(part.partition("=")[::2] for part in pattern.split(";"))
            for day in days:
                if self._runs_on(day, words):
                    slots.update(_times(day, words))
        return sorted(slot for slot in slots if begin <= slot < end)

    def _runs_on(self, day: date, words: Mapping[str, str]) -> bool:
        anchor = datetime.fromtimestamp(self.start, UTC).date()
        interval = int(words.get("INTERVAL", "1"))
        names = words.get("BYDAY", "").split(",")
        is_named = "BYDAY" not in words or SHORT_WEEKDAYS[day.weekday()] in names
        if words.get("FREQ") == "DAILY":
            return is_named and (day - anchor).days % interval == 0
        if words.get("FREQ") == "WEEKLY":
            monday = anchor - anchor.weekday() * DAY
            return is_named and (day - monday).days // 7 % interval == 0
        return False  # A pattern that this service would have refused.


def _times(day: date, words: Mapping[str, str]) -> list[float]:
    times = []
    for hour in words.get("BYHOUR", "0").split(","):
        for minute in words.get("BYMINUTE", "0").split(","):
            at = datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=UTC)
            times.append(at.timestamp())
    return times
