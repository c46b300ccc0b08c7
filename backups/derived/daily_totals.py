"""Keeps the totals by day of a cloud in step with its volumes: adds what a volume contributes now,
and takes away what it contributed before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from backups.analysis import growth, outcomes
from backups.analysis.chains import Chain
from backups.analysis.facts import Fact
from backups.analysis.rules import Rule
from backups.models import OutcomeBucket, StoredDay, VolumeContribution

# Three numbers by a key, which is one or two numbers with a space between: as VolumeContribution
# stores them in JSON.
Totals = dict[str, list[int]]


@dataclass(frozen=True)
class Entry:
    """A volume as it is derived now. `rule` None: no backup of it can be missed."""

    volume: int
    facts: Sequence[Fact]
    chains: Sequence[Chain]
    rule: Rule | None
    since: datetime


def record(cloud: str, entries: Sequence[Entry], now: datetime) -> None:
    """Stores what volumes contribute, within the transaction that locks them.

    It takes one query to read, and four more when something changed.
    """
    stored = VolumeContribution.objects.filter(volume__in=[entry.volume for entry in entries])
    digests: dict[int, str] = dict(stored.values_list("volume_id", "digest"))
    changed: dict[int, VolumeContribution] = {}
    for entry in entries:
        contribution = _contribution(entry, now)
        if contribution.digest != digests.get(entry.volume):
            changed[entry.volume] = contribution
    if not changed:
        return
    outcome_totals: Totals = {}
    day_totals: Totals = {}
    for before in VolumeContribution.objects.filter(volume__in=changed):
        _add(outcome_totals, before.outcomes, sign=-1)
        _add(day_totals, before.days, sign=-1)
    for contribution in changed.values():
        _add(outcome_totals, contribution.outcomes, sign=1)
        _add(day_totals, contribution.days, sign=1)
    VolumeContribution.objects.bulk_create(
        changed.values(),
        update_conflicts=True,
        unique_fields=["volume"],
        update_fields=["digest", "outcomes", "days"],
    )
    oldest = outcomes.quarter_hour(now - outcomes.KEEP_FOR)
    OutcomeBucket.objects.filter(cloud=cloud, quarter_hour__lt=oldest).delete()
    outcome_rows = [row for row in _rows(outcome_totals) if row[0] >= oldest]
    OutcomeBucket.objects.add(cloud, outcome_rows)
    StoredDay.objects.add(cloud, _rows(day_totals))


def _contribution(entry: Entry, now: datetime) -> VolumeContribution:
    tallies = outcomes.count_outcomes(entry.facts, rule=entry.rule, since=entry.since, now=now)
    outcome_counts: Totals = {}
    for slot, tally in sorted(tallies.items()):
        outcome_counts[f"{slot.quarter_hour} {slot.counts_from}"] = list(tally)
    days: Totals = {}
    for day, change in growth.changes(entry.chains, entry.facts, now).items():
        days[str(day.toordinal())] = list(change)
    digest = blake2b(repr((outcome_counts, days)).encode(), digest_size=16).hexdigest()
    return VolumeContribution(
        volume_id=entry.volume, digest=digest, outcomes=outcome_counts, days=days
    )


def _rows(totals: Totals) -> list[tuple[int, ...]]:
    """Returns the numbers of each key and what changed, in one order for all who write."""
    rows = []
    for key, change in totals.items():
        if any(change):
            rows.append((*map(int, key.split()), *change))
    return sorted(rows)


def _add(totals: Totals, change: Mapping[str, Sequence[int]], *, sign: int) -> None:
    for key, numbers in change.items():
        total = totals.setdefault(key, [0, 0, 0])
        for position, number in enumerate(numbers):
            total[position] += sign * number
