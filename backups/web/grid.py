"""The grid of days: how many of them, where each begins, and the address of what was made then."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.urls import reverse
from django.utils.http import urlencode

from backups.analysis.calendar import midnight
from backups.analysis.days import DayState, last_days
from backups.query.list_query import InvalidQuery, without
from backups.web import status
from backups.web.charts.scale import day_short

KEY = "days"
CHOICES = (7, 30, 90, 365)
LONG_CHOICES = (30, 90, 365)
USUAL = 30
# A row of more days is one drawing, which a year of a hundred disks needs to stay light.
MOST_CELLS = 30
# How a row tells the states of its days to the script, a letter each.
LETTERS: dict[DayState, str] = {
    "full": "F",
    "incremental": "i",
    "good": "g",
    "flight": "c",
    "failed": "x",
    "missed": "m",
    "overdue": "o",
    "unknown": "u",
    "idle": "-",
    "none": "n",
}
# States of days on which a backup was made.
WITH_BACKUPS = frozenset("Figcx")
_DAY = timedelta(days=1)
_DAY_S = 86_400
_LAST_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Choice:
    number: int
    query: str
    is_chosen: bool


@dataclass(frozen=True)
class Month:
    """`at`: how far it begins from the left, in percent."""

    name: str
    at: float


@dataclass(frozen=True)
class Grid:
    """`days` in order, the last one is today. `own`: the address says how many. `begins`: the
    seconds at which days begin, where the one before is not 24 hours long, by the number of the
    day. `words`: what each letter means, as JSON.
    """

    days: tuple[date, ...]
    own: bool
    choices: tuple[Choice, ...]
    begins: str
    words: str

    @property
    def is_long(self) -> bool:
        return len(self.days) > MOST_CELLS

    @property
    def months(self) -> list[Month]:
        """Returns where months begin, each with room for its name."""
        months: list[Month] = []
        for number, day in enumerate(self.days):
            if day.day == 1 and number < len(self.days) - 7:
                at = round(100 * number / len(self.days), 2)
                months.append(Month(f"{day:%b}", at))
        return months


def grid(
    query: QueryDict, now: datetime, zone: ZoneInfo, *, choices: Sequence[int] = CHOICES
) -> Grid:
    """Reads `days=`. Raises InvalidQuery."""
    text = query.get(KEY, "").strip()
    if text and text not in map(str, choices):
        numbers = ", ".join(map(str, choices))
        sentence = f"cannot be “{text[:80]}”. It can be: {numbers}."
        raise InvalidQuery({KEY: sentence}, without(query, KEY))
    number = int(text) if text else USUAL
    days = last_days(now, zone, number)
    return Grid(
        days=days,
        own=bool(text),
        choices=tuple(_choice(query, choice, number) for choice in choices),
        begins=" ".join(_begins(days, zone)),
        words=_words(),
    )


def _choice(query: QueryDict, number: int, chosen: int) -> Choice:
    changed = query.copy()
    changed[KEY] = str(number)
    return Choice(number, changed.urlencode(), number == chosen)


def _begins(days: Sequence[date], zone: ZoneInfo) -> Iterator[str]:
    expected: int | None = None
    for number, day in enumerate((*days, days[-1] + _DAY)):
        begin = int(midnight(day, zone).timestamp())
        if begin != expected:
            yield f"{number}={begin}"
        expected = begin + _DAY_S


def _words() -> str:
    return json.dumps({letter: status.DAYS[state].text for state, letter in LETTERS.items()})


def letters(states: Sequence[DayState]) -> str:
    return "".join(LETTERS[state] for state in states)


def list_url(volume_id: str) -> str:
    """Returns the address of the list of a volume's backups, through all services that show it."""
    query = urlencode({"volume_id": volume_id})
    return f"{reverse('backups')}?{query}"


def days_url(volume_id: str, first: date, last: date, zone: ZoneInfo) -> str:
    """Returns the list of a volume's backups that were made from the first to the last of these
    days of the reader's zone.
    """
    begin = midnight(first, zone).astimezone(UTC)
    end = midnight(last + _DAY, zone).astimezone(UTC) - _LAST_SECOND
    span = {
        "created_at_after": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
        "created_at_before": f"{end:%Y-%m-%dT%H:%M:%SZ}",
    }
    return f"{list_url(volume_id)}&{urlencode(span)}"


def days_text(first: date, last: date) -> str:
    """Writes 20 Nov, or 20 Nov – 2 Dec."""
    return day_short(first) if first == last else f"{day_short(first)} – {day_short(last)}"
