"""Which backups of a volume belong to one chain, and how much they store.

A full one opens a chain, an incremental belongs to the latest full before it. CS is a total of the
whole chain (API.md §3): a chain is as large as its newest member says, and CS is never added over
members. In VBS any member can be restored by itself, so a missing one is a note and no alarm.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from backups.analysis.facts import Fact, MadeBy, made_by
from backups.vbs.statuses import STORES_NOTHING

LARGEST_VOLUME_GB = 32_768  # what the clouds offer at most
MOST_BACKUPS = 20  # of one volume (API.md §5)


@dataclass(frozen=True, slots=True)
class Member:
    """A backup in its chain. `increment_mb`: what it added, None where history does not tell;
    `note` says what is special, "" if nothing.
    """

    id: uuid.UUID
    kind: str
    increment_mb: int | None
    at: datetime
    status: str | None
    outcome: str | None
    gone: bool
    chain_size_mb: int | None
    has_dependent_backups: bool | None
    made_by: MadeBy
    note: str


@dataclass(frozen=True, slots=True)
class Chain:
    """`chain_size_mb` is as its newest member gives it; an `odd` one is shown and
    counted in no total.
    """

    started_at: datetime
    start_tracked: bool
    chain_size_mb: int | None
    members: tuple[Member, ...]
    service_type: str
    odd: bool
    notes: tuple[str, ...]

    @property
    def counted_mb(self) -> int | None:
        return None if self.odd else self.chain_size_mb


def chains(facts: Iterable[Fact]) -> tuple[Chain, ...]:
    """Returns the chains of one volume, oldest first; each fact is in exactly one. Copies and VM
    backups have their own.
    """
    open_runs: dict[str, list[Fact]] = {}  # the last chain so far of each service type
    runs: list[list[Fact]] = []
    for fact in sorted(facts, key=_place):
        service_type = fact.service_type or "disk"
        if service_type not in open_runs or _opens(fact):
            open_runs[service_type] = []
            runs.append(open_runs[service_type])
        open_runs[service_type].append(fact)
    return tuple(sorted(map(_chain, runs), key=_start))


def _start(chain: Chain) -> tuple[datetime, uuid.UUID]:
    return chain.started_at, chain.members[0].id


def total_mb(chains: Iterable[Chain]) -> int | None:
    """Returns what the chains of a volume store together; None when no chain tells."""
    sizes = [chain.counted_mb for chain in chains if chain.counted_mb is not None]
    return sum(sizes) if sizes else None


def _place(fact: Fact) -> tuple[datetime, uuid.UUID]:
    return fact.at, fact.id


def _stores(fact: Fact) -> bool:
    """Returns whether a backup carries a chain on. A failed one, and one that is being
    made, tell no size.
    """
    return fact.status not in STORES_NOTHING


def _opens(fact: Fact) -> bool:
    return fact.kind == "full" and fact.status != "error"


def _chain(run: list[Fact]) -> Chain:
    """Returns the chain of facts in order; there is at least one."""
    members: list[Member] = []
    size_before: int | None = None
    newest_stored: Fact | None = None
    gone = 0
    for fact in run:
        members.append(_member(fact, size_before))
        if _stores(fact):
            size_before = fact.chain_size_mb
        if fact.gone_at is not None:
            gone += 1
        elif _stores(fact):
            newest_stored = fact
    size = newest_stored.chain_size_mb if newest_stored else None
    is_odd = newest_stored is not None and size is not None and size > _most_mb(newest_stored.size)
    notes: list[str] = []
    if not _opens(run[0]):
        notes.append("start not tracked")
    if is_odd:
        notes.append("odd: larger than this disk's backups can be, so it is in no total")
    if gone:
        notes.append(f"{gone} of its backups {'is' if gone == 1 else 'are'} gone")
    if newest_stored is None:
        notes.append("nothing of it is stored now")
    return Chain(
        started_at=run[0].at,
        start_tracked=_opens(run[0]),
        chain_size_mb=size,
        members=tuple(members),
        service_type=run[0].service_type or "disk",
        odd=is_odd,
        notes=tuple(notes),
    )


def _member(fact: Fact, size_before: int | None) -> Member:
    """`size_before`: MB of the chain as the member before told it."""
    grown = None
    if _stores(fact) and size_before is not None and fact.chain_size_mb is not None:
        grown = fact.chain_size_mb - size_before
    return Member(
        id=fact.id,
        kind=fact.kind,
        increment_mb=grown if grown is not None and grown >= 0 else None,
        at=fact.at,
        status=fact.status,
        outcome=fact.outcome,
        gone=fact.gone_at is not None,
        chain_size_mb=fact.chain_size_mb,
        has_dependent_backups=fact.has_dependent_backups,
        made_by=made_by(name=fact.name, service_type=fact.service_type),
        note=_note(fact, grown),
    )


def _note(fact: Fact, grown: int | None) -> str:
    if fact.gone_at is not None:
        return "gone: the others can be restored without it"
    if fact.status == "error":
        return "failed: it stores nothing"
    if grown is not None and grown < 0:
        return "pruned: the chain was larger before"
    if fact.created_at is None and fact.data_timestamp is None:
        return "the cloud gave no time: it stands where it was added"
    return ""


def _most_mb(size_gb: int | None) -> int:
    """Returns what no chain of such a volume can exceed: the whole volume in each of its backups,
    and once more.
    """
    return min(size_gb or LARGEST_VOLUME_GB, LARGEST_VOLUME_GB) * 1024 * (MOST_BACKUPS + 1)
