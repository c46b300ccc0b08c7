"""What came of making backups, and the times at which one was due and none came, by
quarters of an hour.

Quarters because the midnight of every time zone lies on one: days of any zone are sums of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import NamedTuple

from backups.analysis.calendar import Day
from backups.analysis.facts import SKEW, Fact
from backups.analysis.missed import missed
from backups.analysis.rules import Rule

QUARTER_S = 900
KEEP_FOR = timedelta(days=32)  # the 30 days of any zone, and a margin


class Slot(NamedTuple):
    """A quarter of an hour, by its number since 1970, and the one from which on its counts are in
    force: when a grace has run out.
    """

    quarter_hour: int
    counts_from: int


class OutcomeCounts(NamedTuple):
    good: int = 0
    failed: int = 0
    missed: int = 0

    def plus(self, other: "OutcomeCounts") -> "OutcomeCounts":
        return OutcomeCounts(
            self.good + other.good, self.failed + other.failed, self.missed + other.missed
        )


_ONE_GOOD = OutcomeCounts(good=1)
_ONE_FAILED = OutcomeCounts(failed=1)
_ONE_MISSED = OutcomeCounts(missed=1)


@dataclass(frozen=True, slots=True)
class DayOutcomes:
    """An entry of `outcomes_by_day`: backups made that day by what came of them, and how
    often one was missed.
    """

    day: date
    good: int
    failed: int
    missed: int


def count_outcomes(
    facts: Sequence[Fact], *, rule: Rule | None, since: datetime, now: datetime
) -> dict[Slot, OutcomeCounts]:
    """Counts those of one volume. `rule` None: nothing is missed here; `since`: when the
    volume was first seen.

    What was missed stands at the time when it was due, by days of UTC (analysis.missed). What comes
    after `now` is foretold as far as KEEP_FOR: when its grace passes and no backup came, it counts,
    and nothing has to be written then.
    """
    counts: dict[Slot, OutcomeCounts] = {}
    begin = now - KEEP_FOR
    for fact in facts:
        if fact.outcome is None:
            continue
        made_at = _made_at(fact, now)
        if made_at < begin:
            continue
        slot = Slot(quarter_hour(made_at), counts_from=quarter_hour(made_at))
        _add(counts, slot, _ONE_GOOD if fact.outcome == "good" else _ONE_FAILED)
    if rule is not None:
        end = now + KEEP_FOR
        for due, over in missed(facts, rule, since=since, zone=UTC, begin=begin, end=end, now=now):
            slot = Slot(quarter_hour(due), counts_from=ceil(over.timestamp() / QUARTER_S))
            _add(counts, slot, _ONE_MISSED)
    return counts


def _add(counts: dict[Slot, OutcomeCounts], slot: Slot, more: OutcomeCounts) -> None:
    before = counts.get(slot)
    counts[slot] = more if before is None else before.plus(more)


def counts_at(counts: Mapping[Slot, OutcomeCounts], now: datetime) -> dict[int, OutcomeCounts]:
    """Returns by quarter of an hour what is in force now. The twin in
    SQL is in reports.home_counts.
    """
    total: dict[int, OutcomeCounts] = defaultdict(OutcomeCounts)
    for slot, slot_counts in counts.items():
        if slot.counts_from <= quarter_hour(now):
            total[slot.quarter_hour] = total[slot.quarter_hour].plus(slot_counts)
    return dict(total)


def by_day(quarters: Mapping[int, OutcomeCounts], days: Sequence[Day]) -> list[DayOutcomes]:
    """Returns the counts of quarters of an hour as the days of a zone; what lies outside
    them is left out.
    """
    outcomes = []
    for day in days:
        total = OutcomeCounts()
        for quarter in range(quarter_hour(day.begin), quarter_hour(day.end)):
            if quarter in quarters:
                total = total.plus(quarters[quarter])
        outcomes.append(DayOutcomes(day.day, total.good, total.failed, total.missed))
    return outcomes


def quarter_hour(at: datetime) -> int:
    return int(at.timestamp()) // QUARTER_S


def _made_at(fact: Fact, now: datetime) -> datetime:
    if fact.created_at is not None and fact.created_at <= now + SKEW:
        return fact.created_at.astimezone(UTC)
    return fact.tracked_at.astimezone(UTC)
