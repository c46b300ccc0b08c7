"""Keeps the tables by day of a cloud true to its disks: what a disk brings now, less what it had
brought before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from backups.analysis import growth, outcomes
from backups.analysis.chains import Chain
from backups.analysis.facts import Fact
from backups.analysis.rules import Rule
from backups.models import OutcomeBucket, StoredDay, VolumeContribution


@dataclass(frozen=True)
class Entry:
    """A disk as it is derived now. `rule` None: nothing can be missed on it."""

    volume: int
    facts: Sequence[Fact]
    chains: Sequence[Chain]
    rule: Rule | None
    since: datetime


def record(cloud: str, entries: Sequence[Entry], now: datetime) -> None:
    """Within the transaction that holds the disks; one query to read, and four more when something
    changed.
    """
    known = VolumeContribution.objects.filter(volume__in=[entry.volume for entry in entries])
    digests: dict[Any, str] = dict(known.values_list("volume", "digest"))
    contributions = [
        one
        for entry in entries
        if (one := _contribution(entry, now)).digest != digests.get(entry.volume)
    ]
    if not contributions:
        return
    outcome_counts: dict[str, list[int]] = {}
    days: dict[str, list[int]] = {}
    for old in VolumeContribution.objects.filter(
        volume__in=[contribution.volume_id for contribution in contributions]
    ):
        _add(outcome_counts, old.outcomes, -1)
        _add(days, old.days, -1)
    for contribution in contributions:
        _add(outcome_counts, contribution.outcomes, 1)
        _add(days, contribution.days, 1)
    _write(cloud, contributions, outcome_counts, days, now)


def _contribution(entry: Entry, now: datetime) -> VolumeContribution:
    counted = outcomes.tallies(entry.facts, rule=entry.rule, since=entry.since, now=now)
    changed = growth.changes(entry.chains, entry.facts, now)
    outcome_counts = {
        f"{at.quarter_hour} {at.counts_from}": list(tally) for at, tally in sorted(counted.items())
    }
    days = {str(day.toordinal()): list(change) for day, change in changed.items()}
    digest = blake2b(repr((outcome_counts, days)).encode(), digest_size=16).hexdigest()
    return VolumeContribution(
        volume_id=entry.volume, digest=digest, outcomes=outcome_counts, days=days
    )


def _write(
    cloud: str,
    contributions: Sequence[VolumeContribution],
    outcome_counts: dict[str, list[int]],
    days: dict[str, list[int]],
    now: datetime,
) -> None:
    fields = ["digest", "outcomes", "days"]
    VolumeContribution.objects.bulk_create(
        contributions, update_conflicts=True, unique_fields=["volume"], update_fields=fields
    )
    oldest = outcomes.quarter_hour(now - outcomes.KEPT)
    OutcomeBucket.objects.filter(cloud=cloud, quarter_hour__lt=oldest).delete()
    OutcomeBucket.objects.add(cloud, [row for row in _rows(outcome_counts) if row[0] >= oldest])
    StoredDay.objects.add(cloud, _rows(days))


def _rows(changes: Mapping[str, Sequence[int]]) -> list[tuple[int, ...]]:
    """Each with the numbers of its key, a space between, and what changed; in one order for all who
    write.
    """
    return sorted(
        (*map(int, key.split()), *change) for key, change in changes.items() if any(change)
    )


def _add(total: dict[str, list[int]], given: Mapping[str, list[int]], sign: int) -> None:
    for key, one in given.items():
        mine = total.setdefault(key, [0, 0, 0])
        for n in range(3):
            mine[n] += sign * one[n]
