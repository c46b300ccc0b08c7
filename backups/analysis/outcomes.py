"""What came of making backups, and the times at which one was due and none came, by quarters of an hour.

Quarters because the midnight of every time zone lies on one: days of any zone are sums of them.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple

from backups.analysis.calendar import Day
from backups.analysis.facts import SKEW, Fact
from backups.analysis.rules import Rule

QUARTER = 900  # seconds
KEPT = timedelta(days=32)  # 30 days of any zone, and some
_GOOD = frozenset({"available", "restoring", "error_restoring"})
_THERE = frozenset({"deleting", "deleted", "error_deleting"})  # was made, however it came out
_DAY = timedelta(days=1)


class Tally(NamedTuple):
    good: int = 0
    failed: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class DayOutcomes:
    """An entry of `outcomes_by_day`: backups made that day by what came of them, and how often one was missed."""

    day: date
    good: int
    failed: int
    missed: int


def outcome(before: str | None, status: str | None) -> str | None:
    """`good`, `failed` or not known yet; `before` is what was known.

    A backup that is deleted keeps what came of it, so its day stays what it was. One that was first seen while it was
    being deleted is neither: nobody knows how it had been.
    """
    if status in _GOOD:
        return "good"
    return "failed" if status == "error" else before


def tallies(facts: Sequence[Fact], *, rule: Rule | None, since: datetime, now: datetime) -> dict[int, Tally]:
    """Of one disk, by quarter (the number of those since 1970).

    `rule` None: nothing is missed here. `since`: when the disk was first seen; what is asked of it begins with its
    first backup, if that was earlier. A day of UTC on which one was due is missed once, unless a backup was made on it,
    good or not: then the day has its word, as in the grid of days (analysis.days). What comes after `now` is foretold
    as far as KEPT: when such a time passes and no backup came, it was missed, and nothing has to be written for that.
    """
    found: dict[int, list[int]] = {}
    begin = now - KEPT
    made = [(_made_at(fact, now), fact) for fact in facts]
    for at, fact in made:
        if fact.outcome is not None and at >= begin:
            found.setdefault(quarter(at), [0, 0, 0])[0 if fact.outcome == "good" else 1] += 1
    if rule is not None:
        good = {at for at, fact in made if fact.outcome == "good" or fact.status in _THERE}
        since = min([since, *(at for at, _ in made)])
        busy = {at.date() for at, _ in made}
        for before, after in pairwise(sorted({since, *good, now + KEPT})):
            for at in _missed(before, after, rule, begin, busy, now):
                found.setdefault(quarter(at), [0, 0, 0])[2] += 1
    return {at: Tally(*counted) for at, counted in found.items()}


def by_day(counted: Mapping[int, Tally], days: Sequence[Day]) -> list[DayOutcomes]:
    """Quarters as the days of a zone; what lies outside them is left out."""
    found = []
    for day in days:
        begin, end = quarter(day.begin), quarter(day.end)
        mine = [counted[at] for at in range(begin, end) if at in counted]
        good, failed, missed = (sum(column) for column in zip(*mine, strict=True)) if mine else (0, 0, 0)
        found.append(DayOutcomes(day.day, good, failed, missed))
    return found


def quarter(at: datetime) -> int:
    return int(at.timestamp()) // QUARTER


def _made_at(fact: Fact, now: datetime) -> datetime:
    at = fact.created_at if fact.created_at and fact.created_at <= now + SKEW else fact.tracked_at
    return at.astimezone(UTC)


def _missed(
    before: datetime, after: datetime, rule: Rule, begin: datetime, busy: Set[date], now: datetime
) -> Iterator[datetime]:
    """The dues between two good backups whose grace ran out before the second; those to come, when it will run out."""
    if after < begin or after - before <= rule.grace:
        return
    for due in _dues(rule, before, begin):
        over = due + rule.grace
        if over >= after:
            return
        if due.date() not in busy:
            yield due if over <= now else over


def _dues(rule: Rule, last: datetime, begin: datetime) -> Iterator[datetime]:
    """The first due of each day of UTC from `begin` on, without end, when the last good backup was made at `last`."""
    if rule.cron is not None and rule.period >= _DAY:
        yield from (due for due in rule.times_after(last) if due >= begin)
    at = begin
    while True:
        if rule.cron is not None:
            due = rule.late_at(max(last, at - timedelta(seconds=1)))
        else:
            due = last + rule.period * max(1, -((last - at) // rule.period))
        yield due
        at = datetime.combine(due.date() + _DAY, time(), UTC)
