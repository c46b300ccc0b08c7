"""Which value of `service_metadata.Type` means a full backup, and what kind a backup therefore is.

Two editions of the API page contradict each other (API.md §3.1): the one this project is
built on says "1 full, 0 incremental", the editions since 2022 say "0 full, 1 incremental".
Neither is hard-wired here.
"""

from dataclasses import dataclass
from typing import Literal

# Type 0 is full · Type 1 is full · stock Cinder and CBR, which have no Type.
TypeInterpretation = Literal["vbs_0", "vbs_1", "cinder", "cbr"]
Kind = Literal["full", "incremental", "unknown"]
Source = Literal["inc", "type", "is_incremental"]

MIN_VOTES = 3  # Fewer INC/Type pairs than this prove nothing against the reading of the page.


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
    """Returns what one answer speaks for.

    INC 0 votes for the Type beside it; INC 1 with Type 1 for reading 0; INC 1 with Type 0
    is lawful in both.
    """
    if type_ not in (0, 1):
        return Votes()
    if inc == 0:
        return Votes(zero=1) if type_ == 0 else Votes(one=1)
    if inc == 1 and type_ == 1:
        return Votes(zero=1)
    return Votes()


def full_type(votes: Votes) -> Literal[0, 1]:
    """Returns the Type value that means "full" by evidence; 1, the page's own reading, until there
    is enough against it.
    """
    return 0 if proves(votes, 0) else 1


def proves(votes: Votes, full: int) -> bool:
    """Are there at least three votes for this value, and twice as many as for the other?"""
    if full == 0:
        return votes.zero >= MIN_VOTES and votes.zero >= 2 * votes.one
    return votes.one >= MIN_VOTES and votes.one >= 2 * votes.zero


def judge(
    *,
    inc: int | None,
    type_: int | None,
    is_incremental: bool | None,
    type_interpretation: TypeInterpretation,
) -> KindVerdict:
    """Returns the kind by the first signal that is there, in the order of trust of the reading."""
    by_inc = _kind(inc, full=0)
    if type_interpretation == "cbr":
        # What true says of a disk's first backup: analysis/first_backup.py.
        return _first([("is_incremental", _kind(is_incremental, full=False))], conflict=False)
    if type_interpretation == "cinder":
        by_flag = _kind(is_incremental, full=False)
        conflict = _differ(by_flag, by_inc)
        return _first([("is_incremental", by_flag), ("inc", by_inc)], conflict=conflict)
    # On VBS the flag counts only when true: it is not kept there.
    by_true_flag: Kind | None = "incremental" if is_incremental else None
    if type_interpretation == "vbs_1":
        by_type = _kind(type_, full=1)
        return _first(
            [("inc", by_inc), ("type", by_type), ("is_incremental", by_true_flag)],
            conflict=_differ(by_inc, by_type),
        )
    by_type = _kind(type_, full=0)
    return _first(
        [("type", by_type), ("inc", by_inc), ("is_incremental", by_true_flag)],
        conflict=inc == 0 and by_type == "incremental",
    )


def _kind(value: int | None, *, full: int) -> Kind | None:
    if value not in (0, 1):
        return None
    return "full" if value == full else "incremental"


def _differ(kind: Kind | None, other: Kind | None) -> bool:
    return kind is not None and other is not None and kind != other


def _first(signals: list[tuple[Source, Kind | None]], *, conflict: bool) -> KindVerdict:
    for source, kind in signals:
        if kind is not None:
            return KindVerdict(kind, source, conflict)
    return KindVerdict("unknown", None, conflict)
