"""Which backups of a disk hang together, and how much they store.

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
MOST_BACKUPS = 20  # of one disk (API.md §5)


@dataclass(frozen=True, slots=True)
class Member:
    """`increment_mb`: what it added, None where history does not tell; `note` says what is special,
    "" if nothing.
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
    """`chain_size_mb` is as its newest member gives it; an `odd` one is shown and counted in no
    total.
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
    """The chains of one disk, oldest first; each fact is in exactly one. Copies and VM backups have
    their own.
    """
    runs: dict[str, list[list[Fact]]] = {}
    for fact in sorted(facts, key=_place):
        mine = runs.setdefault(fact.service_type or "disk", [])
        if not mine or _opens(fact):
            mine.append([])
        mine[-1].append(fact)
    found = [_chain(run, kind) for kind, several in runs.items() for run in several]
    return tuple(sorted(found, key=lambda chain: (chain.started_at, chain.members[0].id)))


def total_mb(found: Iterable[Chain]) -> int | None:
    """What a disk's chains store together; None when no chain tells."""
    sizes = [chain.counted_mb for chain in found if chain.counted_mb is not None]
    return sum(sizes) if sizes else None


def _place(fact: Fact) -> tuple[datetime, uuid.UUID]:
    return fact.at, fact.id


def _stores(fact: Fact) -> bool:
    """A failed one, and one that is being made, tell no size; only what stores something carries a
    chain on.
    """
    return fact.status not in STORES_NOTHING


def _opens(fact: Fact) -> bool:
    return fact.kind == "full" and fact.status != "error"


def _chain(run: list[Fact], service_type: str) -> Chain:
    members: list[Member] = []
    size: int | None = None  # as the member before told it
    for fact in run:
        members.append(_member(fact, size, first=not members))
        if _stores(fact):
            size = fact.chain_size_mb
    there = [fact for fact in run if fact.gone_at is None and _stores(fact)]
    newest = there[-1].chain_size_mb if there else None
    odd = newest is not None and newest > _most_mb(there[-1].size)
    tracked = _opens(run[0])
    notes = _notes(
        tracked=tracked,
        odd=odd,
        there=len(there),
        gone=sum(fact.gone_at is not None for fact in run),
    )
    return Chain(run[0].at, tracked, newest, tuple(members), service_type, odd, notes)


def _member(fact: Fact, before: int | None, *, first: bool) -> Member:
    grown = None
    if not first and _stores(fact) and before is not None and fact.chain_size_mb is not None:
        grown = fact.chain_size_mb - before
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
    """More than this no chain of such a disk can hold: the whole disk in each of its backups, and
    once more.
    """
    return min(size_gb or LARGEST_VOLUME_GB, LARGEST_VOLUME_GB) * 1024 * (MOST_BACKUPS + 1)


def _notes(*, tracked: bool, odd: bool, there: int, gone: int) -> tuple[str, ...]:
    told = {
        "start not tracked": not tracked,
        "odd: larger than this disk's backups can be, so it is in no total": odd,
        f"{gone} of its backups {'is' if gone == 1 else 'are'} gone": bool(gone),
        "nothing of it is stored now": not there,
    }
    return tuple(text for text, so in told.items() if so)
