"""One word for each day of a disk: what came, what failed, what should have come and did not.

A day is a day of the reader's zone. A backup counts on the day it was made, also when it is gone by now: it was good
then. By the rule one is due a period (or a cron time) after the last good one; a day with a due time and no backup is
`missed` once the grace of that time has passed and nothing good came within it. Gaps from before a disk was known here
prove nothing, unless they last: backups that were there may have been pruned.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from backups.analysis.rules import Rule

DayWord = Literal["full", "incremental", "good", "flight", "failed", "missed", "unknown", "idle", "none"]
DAY_WORDS: tuple[DayWord, ...] = (
    *("full", "incremental", "good", "flight", "failed", "missed", "unknown", "idle", "none"),
)
_MADE = frozenset({"available", "restoring", "deleting", "deleted", "error_deleting", "error_restoring"})
_BEST: tuple[DayWord, ...] = ("full", "incremental", "good", "flight", "failed", "unknown")
_KINDS: dict[str, DayWord] = {"full": "full", "incremental": "incremental"}
_SECOND = timedelta(seconds=1)


class Made(Protocol):
    """A backup: its kind, when it was made, and its last known status."""

    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def status(self) -> str | None: ...


@dataclass(frozen=True)
class Watch:
    """How a disk was watched. No `rule`: nothing is ever due (exempt). `since`: known to vbsdash from then on;
    `until`: what the evidence reaches to, None when there is none at all."""

    rule: Rule | None
    since: datetime
    until: datetime | None


def last_days(now: datetime, zone: ZoneInfo, n: int = 30) -> tuple[date, ...]:
    """The last `n` days of a zone, today being the last."""
    today = now.astimezone(zone).date()
    return tuple(today - timedelta(days=back) for back in range(n - 1, -1, -1))


def word_of(made: Made) -> DayWord:
    """What one backup says of its day."""
    if made.status == "error":
        return "failed"
    if made.status == "creating":
        return "flight"
    return _KINDS.get(made.kind, "good") if made.status in _MADE else "unknown"


def day_words(
    backups: Iterable[Made], watch: Watch, *, days: Sequence[date], zone: ZoneInfo, now: datetime
) -> tuple[DayWord, ...]:
    """A word for each of `days`, which are in order and of `zone`; the best that happened on a day names it."""
    some = list(backups)
    by_day: dict[date, set[DayWord]] = {}
    for one in some:
        by_day.setdefault(one.at.astimezone(zone).date(), set()).add(word_of(one))
    goods = sorted(one.at for one in some if one.status in _MADE)
    since = min((one.at for one in some), default=watch.since)
    quiet = _Quiet(watch, min(since, watch.since), goods, now)
    return tuple(_best(by_day[day]) if day in by_day else quiet.word(day, zone) for day in days)


def _best(words: set[DayWord]) -> DayWord:
    return next(word for word in _BEST if word in words)


@dataclass(frozen=True)
class _Quiet:
    """Judges a day on which nothing came. `goods`: when the good ones were made, in order."""

    watch: Watch
    since: datetime
    goods: Sequence[datetime]
    now: datetime

    def word(self, day: date, zone: ZoneInfo) -> DayWord:
        begins, ends = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
        if ends <= self.since or begins > self.now or self._proves_nothing(begins, ends):
            return "none"
        if self.watch.until is None or min(ends, self.now) > self.watch.until + timedelta(hours=1):
            return "unknown"
        return "missed" if self.watch.rule is not None and self._missed(self.watch.rule, begins, ends) else "idle"

    def _proves_nothing(self, begins: datetime, ends: datetime) -> bool:
        """A gap from before the disk was known here: its backups may have been pruned. One that lasts is a gap."""
        return ends <= self.watch.since and not (self.goods and self.goods[-1] < begins)

    def _missed(self, rule: Rule, begins: datetime, ends: datetime) -> bool:
        before = bisect_left(self.goods, begins)
        last = self.goods[before - 1] if before else self.since
        due = _due(rule, last, begins)
        if due is None or due >= ends or due + rule.grace > self.now:
            return False
        after = bisect_right(self.goods, last)
        return after >= len(self.goods) or self.goods[after] > due + rule.grace


def _due(rule: Rule, last: datetime, begins: datetime) -> datetime | None:
    """The first time from `begins` on at which a backup was due, when the last good one was made at `last`."""
    if rule.cron is not None:
        return rule.late_at(max(last, begins - _SECOND))
    periods = max(1, ceil((begins - last) / rule.period))
    return last + periods * rule.period


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
