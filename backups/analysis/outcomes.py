"""What came of making backups, and the times at which one was due and none came, by quarters of an hour.

Quarters because the midnight of every time zone lies on one: days of any zone are sums of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice, pairwise
from typing import NamedTuple

from backups.analysis.calendar import Day
from backups.analysis.facts import SKEW, Fact, moment
from backups.analysis.rules import Rule

QUARTER = 900  # seconds
KEPT = timedelta(days=32)  # 30 days of any zone, and some
MOST_MISSED = 100  # of one disk, before its last good backup and after: a rule of minutes drowns nobody
_GOOD = frozenset({"available", "restoring", "error_restoring"})


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

    `rule` None: nothing is missed here. `since`: when the disk was first seen; gaps before it prove nothing, because
    backups may have been pruned. The gap after the last good one is foretold as far as KEPT: when such a time passes
    and no backup came, it was missed, and nothing has to be written for that.
    """
    found: dict[int, list[int]] = {}
    begin = now - KEPT
    for fact in facts:
        at = fact.created_at if fact.created_at and fact.created_at <= now + SKEW else fact.tracked_at
        if fact.outcome is not None and at >= begin:
            found.setdefault(quarter(at), [0, 0, 0])[0 if fact.outcome == "good" else 1] += 1
    if rule is not None:
        good = sorted({held.at for fact in facts if fact.outcome == "good" and (held := moment(fact, now))})
        begin = max(begin, since)
        between, after = _missed(good, rule, begin), _missed([*good[-1:], now + KEPT], rule, begin)
        for at in (*islice(between, MOST_MISSED), *islice(after, MOST_MISSED)):
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


def _missed(good: Sequence[datetime], rule: Rule, since: datetime) -> Iterator[datetime]:
    """When the grace of a backup ran out that was due and did not come, the newest gap first."""
    for before, after in reversed(list(pairwise(good))):
        if after < since:
            return
        if after - before > rule.grace:
            begin = before
            if rule.cron is None and before < since:
                begin += rule.period * ((since - before) // rule.period - 1)
            for due in rule.times_after(max(begin, before)):
                if due + rule.grace >= after:
                    break
                if due + rule.grace >= since:
                    yield due + rule.grace
