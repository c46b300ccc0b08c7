"""What came of making backups, and the times at which one was due and none came, by quarters of an
hour.

Quarters because the midnight of every time zone lies on one: days of any zone are sums of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from backups.analysis.calendar import Day
from backups.analysis.facts import SKEW, Fact
from backups.analysis.missed import missed
from backups.analysis.rules import Rule

QUARTER = 900  # seconds
KEPT = timedelta(days=32)  # 30 days of any zone, and some


class Slot(NamedTuple):
    """A quarter, by its number since 1970, and the one from which on its numbers count: when a
    grace has run out.
    """

    quarter_hour: int
    counts_from: int


class OutcomeCounts(NamedTuple):
    good: int = 0
    failed: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class DayOutcomes:
    """An entry of `outcomes_by_day`: backups made that day by what came of them, and how often one
    was missed.
    """

    day: date
    good: int
    failed: int
    missed: int


def tallies(
    facts: Sequence[Fact], *, rule: Rule | None, since: datetime, now: datetime
) -> dict[Slot, OutcomeCounts]:
    """Of one disk. `rule` None: nothing is missed here; `since`: when the disk was first seen.

    What was missed stands at the time when it was due, by days of UTC (analysis.missed). What comes
    after `now` is foretold as far as KEPT: when its grace passes and no backup came, it counts, and
    nothing has to be written then.
    """
    found: dict[Slot, list[int]] = {}
    begin = now - KEPT
    for fact in facts:
        if fact.outcome is not None and (at := _made_at(fact, now)) >= begin:
            slot = Slot(quarter_hour(at), quarter_hour(at))
            found.setdefault(slot, [0, 0, 0])[0 if fact.outcome == "good" else 1] += 1
    if rule is not None:
        grace = rule.grace.total_seconds()
        for due, _ in missed(
            facts, rule, since=since, zone=UTC, begin=begin, end=now + KEPT, now=now
        ):
            due_at = due.timestamp()
            slot = Slot(int(due_at) // QUARTER, -int(-(due_at + grace) // QUARTER))
            found.setdefault(slot, [0, 0, 0])[2] += 1
    return {slot: OutcomeCounts(*counted) for slot, counted in found.items()}


def counted(found: Mapping[Slot, OutcomeCounts], now: datetime) -> dict[int, OutcomeCounts]:
    """By quarter, what counts now. The twin in SQL is in reports.home_counts."""
    total: dict[int, OutcomeCounts] = {}
    for slot, tally in found.items():
        if slot.counts_from <= quarter_hour(now):
            before = total.get(slot.quarter_hour, OutcomeCounts())
            total[slot.quarter_hour] = OutcomeCounts(
                *(a + b for a, b in zip(before, tally, strict=True))
            )
    return total


def by_day(quarters: Mapping[int, OutcomeCounts], days: Sequence[Day]) -> list[DayOutcomes]:
    """Quarters as the days of a zone; what lies outside them is left out."""
    found = []
    for day in days:
        begin, end = quarter_hour(day.begin), quarter_hour(day.end)
        mine = [quarters[at] for at in range(begin, end) if at in quarters]
        good, failed, missed = (
            (sum(column) for column in zip(*mine, strict=True)) if mine else (0, 0, 0)
        )
        found.append(DayOutcomes(day.day, good, failed, missed))
    return found


def quarter_hour(at: datetime) -> int:
    return int(at.timestamp()) // QUARTER


def _made_at(fact: Fact, now: datetime) -> datetime:
    at = fact.created_at if fact.created_at and fact.created_at <= now + SKEW else fact.tracked_at
    return at.astimezone(UTC)
