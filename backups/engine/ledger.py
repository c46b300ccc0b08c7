"""Keeps the tables by day of a cloud true to its disks: what a disk brings now, less what it had brought before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from backups.analysis import growth, outcomes
from backups.analysis.chains import Chain
from backups.analysis.facts import Fact
from backups.analysis.rules import Rule
from backups.models import Quarter, StoredDay, Trace


@dataclass(frozen=True)
class Entry:
    """A disk as it is derived now. `rule` None: nothing can be missed on it."""

    volume: int
    facts: Sequence[Fact]
    chains: Sequence[Chain]
    rule: Rule | None
    since: datetime


def record(cloud: str, entries: Sequence[Entry], now: datetime) -> None:
    """Within the transaction that holds the disks; one query to read, and three to write when something changed."""
    before = {row.volume_id: row for row in Trace.objects.filter(volume__in=[entry.volume for entry in entries])}
    quarters: dict[str, list[int]] = {}
    days: dict[str, list[int]] = {}
    traces = []
    for entry in entries:
        old = before.get(entry.volume) or Trace(volume_id=entry.volume)
        counted = outcomes.tallies(entry.facts, rule=entry.rule, since=entry.since, now=now)
        changed = growth.changes(entry.chains, entry.facts, now)
        new_quarters = {f"{at.quarter} {at.counts_from}": list(tally) for at, tally in counted.items()}
        new_days = {str(day.toordinal()): list(change) for day, change in changed.items()}
        if new_quarters == old.quarters and new_days == old.days:
            continue
        _add_difference(quarters, old.quarters, new_quarters)
        _add_difference(days, old.days, new_days)
        traces.append(Trace(volume_id=entry.volume, quarters=new_quarters, days=new_days))
    _write(cloud, traces, quarters, days, now)


def _write(
    cloud: str, traces: Sequence[Trace], quarters: dict[str, list[int]], days: dict[str, list[int]], now: datetime
) -> None:
    if not traces:
        return
    fields = ["quarters", "days"]
    Trace.objects.bulk_create(traces, update_conflicts=True, unique_fields=["volume"], update_fields=fields)
    oldest = outcomes.quarter(now - outcomes.KEPT)
    Quarter.objects.filter(cloud=cloud, quarter__lt=oldest).delete()
    Quarter.objects.add(cloud, [row for row in _rows(quarters) if row[0] >= oldest])
    StoredDay.objects.add(cloud, _rows(days))


def _rows(changes: Mapping[str, Sequence[int]]) -> list[tuple[int, ...]]:
    """Each with the numbers of its key, a space between, and what changed; in one order for all who write."""
    return sorted((*map(int, key.split()), *change) for key, change in changes.items() if any(change))


def _add_difference(total: dict[str, list[int]], old: Mapping[str, list[int]], new: Mapping[str, list[int]]) -> None:
    for sign, given in ((-1, old), (1, new)):
        for key, one in given.items():
            mine = total.setdefault(key, [0, 0, 0])
            for n in range(3):
                mine[n] += sign * one[n]
