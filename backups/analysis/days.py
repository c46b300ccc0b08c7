"""One word for each day of a disk: what came, what failed, what should have come and did not.

A day is a day of the reader's zone. A backup counts on the day it was made, also when it is gone by
now: it was good then. A day on which one was due and none came is `missed` by the rule of
analysis.missed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from backups.analysis.calendar import midnight
from backups.analysis.facts import Made, outcome, was_good
from backups.analysis.missed import missed
from backups.analysis.rules import Rule
from backups.vbs.statuses import MADE

DayWord = Literal[
    "full", "incremental", "good", "flight", "failed", "missed", "unknown", "idle", "none"
]
DAY_WORDS: tuple[DayWord, ...] = (
    *("full", "incremental", "good", "flight", "failed", "missed", "unknown", "idle", "none"),
)
_DAY, _LATELY = timedelta(days=1), timedelta(hours=1)  # evidence of an hour ago is enough for today
_BEST: tuple[DayWord, ...] = ("full", "incremental", "good", "flight", "failed", "unknown")
_KINDS: dict[str, DayWord] = {"full": "full", "incremental": "incremental"}


class Cell(Made, Protocol):
    """A backup with its kind."""

    @property
    def kind(self) -> str: ...


@dataclass(frozen=True)
class Watch:
    """How a disk was watched. No `rule`: nothing is ever due (exempt). `since`: known to vbsdash
    from then on;
    `until`: what the evidence reaches to, None when there is none at all.
    """

    rule: Rule | None
    since: datetime
    until: datetime | None


def last_days(now: datetime, zone: ZoneInfo, n: int = 30) -> tuple[date, ...]:
    """The last `n` days of a zone, today being the last."""
    today = now.astimezone(zone).date()
    return tuple(today - timedelta(days=back) for back in range(n - 1, -1, -1))


def word_of(made: Cell) -> DayWord:
    """What one backup says of its day. One that failed is not whitewashed by being deleted."""
    if outcome(made.outcome, made.status) == "failed":
        return "failed"
    if made.status == "creating":
        return "flight"
    return _KINDS.get(made.kind, "good") if made.status in MADE else "unknown"


def day_words(
    backups: Iterable[Cell], watch: Watch, *, days: Sequence[date], zone: ZoneInfo, now: datetime
) -> tuple[DayWord, ...]:
    """A word for each of `days`, which are in order and of `zone`; the best that happened on a day
    names it.
    """
    some = list(backups)
    by_day: dict[date, set[DayWord]] = {}
    for one in some:
        by_day.setdefault(one.at.astimezone(zone).date(), set()).add(word_of(one))
    quiet = _Quiet(watch, some, days, zone, now)
    return tuple(_best(by_day[day]) if day in by_day else quiet.word(day) for day in days)


def _best(words: set[DayWord]) -> DayWord:
    return next(word for word in _BEST if word in words)


class _Quiet:
    """Judges the days on which nothing came."""

    def __init__(
        self,
        watch: Watch,
        backups: Sequence[Cell],
        days: Sequence[date],
        zone: ZoneInfo,
        now: datetime,
    ) -> None:
        self._watch, self._zone, self._now = watch, zone, now
        self._since = min([watch.since, *(one.at for one in backups)])
        self._last = max((one.at for one in backups if was_good(one)), default=None)
        self._missed = set(self._find(backups, midnight(days[0], zone)))

    def _find(self, backups: Sequence[Cell], begin: datetime) -> Iterator[date]:
        rule, until = self._watch.rule, self._watch.until
        if rule is not None and until is not None:
            end = min(until, self._now)
            known = {"since": self._watch.since, "begin": begin, "end": end, "now": self._now}
            for due, _ in missed(backups, rule, zone=self._zone, **known):
                yield due.astimezone(self._zone).date()

    def word(self, day: date) -> DayWord:
        if day in self._missed:
            return "missed"
        begins, ends = midnight(day, self._zone), midnight(day + _DAY, self._zone)
        if ends <= self._since or begins > self._now or self._proves_nothing(begins, ends):
            return "none"
        until = self._watch.until
        return "unknown" if until is None or min(ends, self._now) > until + _LATELY else "idle"

    def _proves_nothing(self, begins: datetime, ends: datetime) -> bool:
        """A gap from before the disk was known here: its backups may have been pruned. One that
        lasts is a gap.
        """
        return ends <= self._watch.since and not (self._last is not None and self._last < begins)
