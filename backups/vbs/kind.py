"""Which value of `service_metadata.Type` means a full backup, and what kind a backup therefore is.

Two editions of the API page contradict each other (API.md §3.1): the one this project is built on
says "1 full, 0 incremental", the editions since 2022 say "0 full, 1 incremental". Neither is
hard-wired here.
"""

from dataclasses import dataclass
from typing import Literal

TypeInterpretation = Literal[
    "vbs_0", "vbs_1", "cinder"
]  # Type 0 is full · Type 1 is full · stock Cinder, which has no Type
Kind = Literal["full", "incremental", "unknown"]
Source = Literal["inc", "type", "is_incremental"]

MIN_VOTES = 3  # fewer INC/Type pairs than this prove nothing against the reading of the page


@dataclass(frozen=True)
class KindVerdict:
    """`source` is None when no signal was there; `conflict` when two that should agree do not."""

    kind: Kind
    source: Source | None
    conflict: bool


@dataclass(frozen=True)
class Votes:
    """How many answers of a cloud speak for "Type 0 is full" and for "Type 1 is full"."""

    zero: int = 0
    one: int = 0


def vote(*, inc: int | None, type_: int | None) -> Votes:
    """INC 0 votes for the Type beside it; INC 1 with Type 1 for reading 0; INC 1 with Type 0 is
    lawful in both.
    """
    if inc == 0 and type_ in (0, 1):
        return Votes(zero=1 - type_, one=type_)
    return Votes(zero=1) if (inc, type_) == (1, 1) else Votes()


def full_type(votes: Votes) -> Literal[0, 1]:
    """The Type value that means "full" by evidence; 1, the page's own reading, until there is
    enough against it.
    """
    return 0 if proves(votes, 0) else 1


def proves(votes: Votes, full: int) -> bool:
    """At least three votes for this value, and twice as many as for the other."""
    mine, others = (votes.zero, votes.one) if full == 0 else (votes.one, votes.zero)
    return mine >= MIN_VOTES and mine >= 2 * others


def judge(
    *,
    inc: int | None,
    type_: int | None,
    is_incremental: bool | None,
    type_interpretation: TypeInterpretation,
) -> KindVerdict:
    """The kind by the reading's order of trust. `is_incremental` on VBS counts only when true: it
    is not kept there.
    """
    by_inc = _kind(inc, full=0)
    by_flag = _kind(is_incremental, full=False)
    if type_interpretation == "cinder":
        signals: list[tuple[Source, Kind | None]] = [("is_incremental", by_flag), ("inc", by_inc)]
        return _first(signals, conflict=_differ(by_flag, by_inc))
    by_type = _kind(type_, full=1 if type_interpretation == "vbs_1" else 0)
    last: tuple[Source, Kind | None] = ("is_incremental", by_flag if is_incremental else None)
    if type_interpretation == "vbs_1":
        return _first([("inc", by_inc), ("type", by_type), last], conflict=_differ(by_inc, by_type))
    return _first(
        [("type", by_type), ("inc", by_inc), last], conflict=inc == 0 and by_type == "incremental"
    )


def _kind(value: int | None, *, full: int) -> Kind | None:
    if value not in (0, 1):
        return None
    return "full" if value == full else "incremental"


def _differ(one: Kind | None, other: Kind | None) -> bool:
    return one is not None and other is not None and one != other


def _first(signals: list[tuple[Source, Kind | None]], *, conflict: bool) -> KindVerdict:
    for source, kind in signals:
        if kind is not None:
            return KindVerdict(kind, source, conflict)
    return KindVerdict("unknown", None, conflict)
