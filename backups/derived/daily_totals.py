"""Keeps the tables by day of a cloud true to its disks: what a disk brings now, less what it had brought before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

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
    """Within the transaction that holds the disks; one query to read, and four more when something changed."""
    known = Trace.objects.filter(volume__in=[entry.volume for entry in entries])
    digests: dict[Any, str] = dict(known.values_list("volume", "digest"))
    traces = [one for entry in entries if (one := _trace(entry, now)).digest != digests.get(entry.volume)]
    if not traces:
        return
    quarters: dict[str, list[int]] = {}
    days: dict[str, list[int]] = {}
    for old in Trace.objects.filter(volume__in=[trace.volume_id for trace in traces]):
        _add(quarters, old.quarters, -1)
        _add(days, old.days, -1)
    for trace in traces:
        _add(quarters, trace.quarters, 1)
        _add(days, trace.days, 1)
    _write(cloud, traces, quarters, days, now)


def _trace(entry: Entry, now: datetime) -> Trace:
    counted = outcomes.tallies(entry.facts, rule=entry.rule, since=entry.since, now=now)
    changed = growth.changes(entry.chains, entry.facts, now)
    quarters = {f"{at.quarter} {at.counts_from}": list(tally) for at, tally in sorted(counted.items())}
    days = {str(day.toordinal()): list(change) for day, change in changed.items()}
    digest = blake2b(repr((quarters, days)).encode(), digest_size=16).hexdigest()
    return Trace(volume_id=entry.volume, digest=digest, quarters=quarters, days=days)


def _write(
    cloud: str, traces: Sequence[Trace], quarters: dict[str, list[int]], days: dict[str, list[int]], now: datetime
) -> None:
    fields = ["digest", "quarters", "days"]
    Trace.objects.bulk_create(traces, update_conflicts=True, unique_fields=["volume"], update_fields=fields)
    oldest = outcomes.quarter(now - outcomes.KEPT)
    Quarter.objects.filter(cloud=cloud, quarter__lt=oldest).delete()
    Quarter.objects.add(cloud, [row for row in _rows(quarters) if row[0] >= oldest])
    StoredDay.objects.add(cloud, _rows(days))


def _rows(changes: Mapping[str, Sequence[int]]) -> list[tuple[int, ...]]:
    """Each with the numbers of its key, a space between, and what changed; in one order for all who write."""
    return sorted((*map(int, key.split()), *change) for key, change in changes.items() if any(change))


def _add(total: dict[str, list[int]], given: Mapping[str, list[int]], sign: int) -> None:
    for key, one in given.items():
        mine = total.setdefault(key, [0, 0, 0])
        for n in range(3):
            mine[n] += sign * one[n]
