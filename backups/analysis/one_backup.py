"""Which backups are one and the same, seen through two services of a project. Pure.

After the move from VBS to CBR both services may show a backup. Under one ID it is one row anyway;
whether the IDs agree is not documented (backups/vbs/API.md §12), so else the snapshot that it was
made from and its time tell.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from backups.analysis.facts import SKEW, Fact

# Two services may write the time of one backup so far apart.
SAME_TIME: timedelta = SKEW


class Sighting(NamedTuple):
    """A backup as one service shows it. `counts_first`: where both show it, this one counts."""

    fact: Fact
    cloud: str
    counts_first: bool


def same_as(sightings: Iterable[Sighting]) -> dict[uuid.UUID, uuid.UUID]:
    """Returns by the ID of each backup that is another one too the ID under which it counts."""
    by_snapshot: defaultdict[str, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        if sighting.fact.snapshot_id and sighting.fact.created_at is not None:
            by_snapshot[sighting.fact.snapshot_id].append(sighting)
    doubles: dict[uuid.UUID, uuid.UUID] = {}
    for of_snapshot in by_snapshot.values():
        if len(of_snapshot) > 1:
            of_snapshot.sort(key=_rank)
            _pair(of_snapshot, doubles)
    return doubles


def _rank(sighting: Sighting) -> tuple[bool, bool, str]:
    """Ranks what is still there before what is gone, then by the service that counts first."""
    return (
        sighting.fact.gone_at is not None,
        not sighting.counts_first,
        str(sighting.fact.id),
    )


def _pair(of_snapshot: list[Sighting], doubles: dict[uuid.UUID, uuid.UUID]) -> None:
    """Pairs each backup with at most one of the other service: one service shows none twice."""
    paired: set[uuid.UUID] = set()
    for first in of_snapshot:
        if first.fact.id in doubles:
            continue
        for second in of_snapshot:
            is_free = second.fact.id not in doubles and second.fact.id not in paired
            if second.cloud == first.cloud or not is_free or second.fact.id == first.fact.id:
                continue
            if _are_at_one_time(first.fact, second.fact):
                doubles[second.fact.id] = first.fact.id
                paired.add(first.fact.id)
                break


def _are_at_one_time(first: Fact, second: Fact) -> bool:
    if first.created_at is None or second.created_at is None:
        return False
    return abs(first.created_at - second.created_at) <= SAME_TIME
