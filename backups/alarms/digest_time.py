"""When a channel tells how all stands: once a day or a week, by the clock of a zone. Pure.

A time that the clocks skip comes as much later as they skip; one that they repeat comes once, the
first time.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from backups.analysis import zones

WEEKDAYS: Final = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
EXAMPLES: Final = "daily 08:00 Europe/Berlin, or weekly monday 08:00 Europe/Berlin"
_USUAL_TIME: Final = time(8)
_TIME = re.compile("([01]?[0-9]|2[0-3]):([0-5][0-9])")


class WrongDigestTime(ValueError):
    """The text goes after the name of the key, without a period at the end."""


@dataclass(frozen=True)
class DigestTime:
    """`weekday`: 0 is Monday; None: each day."""

    weekday: int | None
    at: time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str, zone: ZoneInfo) -> Self:
        """Reads `daily` or `weekly` with, where it is not 08:00 on a Monday in `zone`, the day of
        the week, the time and the zone. Raises WrongDigestTime.
        """
        words = text.split()
        rhythm = words.pop(0).lower() if words else ""
        if rhythm not in ("daily", "weekly"):
            raise WrongDigestTime(f"begins with neither daily nor weekly: write {EXAMPLES}")
        weekday = None
        if rhythm == "weekly":
            weekday = 0
            if words and words[0].lower() in WEEKDAYS:
                weekday = WEEKDAYS.index(words.pop(0).lower())
        at = _USUAL_TIME
        if words and (match := _TIME.fullmatch(words[0])):
            at = time(int(match[1]), int(match[2]))
            words.pop(0)
        if words:
            named = zones.zone_named(words[0])
            if named is None or len(words) > 1:
                raise WrongDigestTime(
                    f"holds what is no time of day, no day of the week and no time zone: write "
                    f"{EXAMPLES}"
                )
            zone = named
        return cls(weekday, at, zone)

    def __str__(self) -> str:
        rhythm = "daily" if self.weekday is None else f"weekly {WEEKDAYS[self.weekday]}"
        return f"{rhythm} {self.at:%H:%M} {self.zone}"

    @property
    def days(self) -> int:
        """Returns how many days lie between two of them."""
        return 1 if self.weekday is None else 7

    def last(self, now: datetime) -> datetime:
        """Returns the newest of its times that is not later than now, in UTC."""
        # Tomorrow's is among them: where the clocks skip a time, that one is later than its day.
        day = now.astimezone(self.zone).date() + timedelta(days=1)
        while True:
            if self.weekday is None or day.weekday() == self.weekday:
                at = self._instant(day)
                if at <= now:
                    return at
            day -= timedelta(days=1)

    def _instant(self, day: date) -> datetime:
        return datetime.combine(day, self.at, self.zone).astimezone(UTC)
