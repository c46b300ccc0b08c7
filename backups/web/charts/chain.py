"""A chain as a strip: a tall block is a full backup, a thin bar an incremental, in time order.

A failed one is a hole, one in flight has the colour of what moves, one that is gone from the cloud
is pale, one whose kind nobody knows is dashed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from backups.vbs.statuses import FAILED
from backups.web import status
from backups.web.charts.scale import Rect

HEIGHT, _FLOOR, _GAP, _BETWEEN = 34, 29, 5.0, 10.0
MOST = 60  # members drawn; of a longer chain the newest
Shape = Literal["block", "hole", "ask"]


class Member(Protocol):
    """A backup as the strip needs it."""

    @property
    def id(self) -> Any: ...
    @property
    def kind(self) -> str: ...
    @property
    def status(self) -> str | None: ...
    @property
    def gone(self) -> bool: ...


@dataclass(frozen=True)
class Link:
    """One member as drawn; `middle` is where its mark stands."""

    shape: Shape
    box: Rect
    title: str
    here: bool

    @property
    def middle(self) -> float:
        return round(self.box.x + self.box.width / 2, 2)

    @property
    def cross(self) -> str:
        return f"M{self.middle - 2.5:g} 18l5 5m0-5-5 5"

    @property
    def mark(self) -> str:
        return f"M{self.middle - 4:g} 0h8l-4 5z"


@dataclass(frozen=True)
class Strip:
    title: str
    description: str
    width: float
    links: tuple[Link, ...]
    left_out: int


def strip(
    chains: Sequence[Sequence[Member]], *, of: str, here: str | None = None, known: bool = True
) -> Strip:
    """`chains` and their members oldest first; `here` is the ID of the backup to point at.

    Not `known`: what is known of them is too old to look healthy.
    """
    everything = [(chain, member) for chain, members in enumerate(chains) for member in members]
    kept = _kept(everything, here)
    links, x, last = [], 2.0, kept[0][0] if kept else 0
    for chain, member in kept:
        x += _BETWEEN if chain != last else 0
        link = _link(member, x, here=str(member.id) == here, known=known)
        links.append(link)
        x, last = x + link.box.width + _GAP, chain
    counted = summary(member for _, member in everything)
    left_out = len(everything) - len(kept)
    description = f"{counted}; the {left_out:,} oldest are not drawn" if left_out else counted
    return Strip(of, description, round(x + 2, 1), tuple(links), left_out)


def summary(members: Iterable[Member]) -> str:
    """A chain in words: full + 5 incremental, 3 failed."""
    counts = {"full": 0, "incremental": 0, "unknown": 0, "failed": 0}
    for member in members:
        counts["failed" if member.status in FAILED else member.kind] += 1
    words = {
        "full": "full" if counts["full"] == 1 else f"{counts['full']:,} full",
        "incremental": f"{counts['incremental']:,} incremental",
        "unknown": f"{counts['unknown']:,} of unknown kind",
    }
    good = " + ".join(words[kind] for kind in words if counts[kind])
    failed = f"{counts['failed']:,} failed" if counts["failed"] else ""
    return ", ".join(part for part in (good, failed) if part) or "nothing"


def _kept(everything: list[tuple[int, Member]], here: str | None) -> list[tuple[int, Member]]:
    """The newest, moved back as far as it takes to hold the one to point at."""
    at = next(
        (n for n, (_, member) in enumerate(everything) if str(member.id) == here), len(everything)
    )
    first = min(max(len(everything) - MOST, 0), max(at - MOST // 2, 0))
    return everything[first : first + MOST]


def _link(member: Member, x: float, *, here: bool, known: bool) -> Link:
    tracking_state = "gone" if member.gone else "fresh" if known else "stale"
    badge = status.of_backup(status=member.status, tracking_state=tracking_state)
    title = f"{status.KINDS[member.kind].text}, {badge.text}"
    if member.status in FAILED and not member.gone:
        return Link("hole", Rect("fail", x + 0.75, 12, 8.5, _FLOOR - 12), title, here)
    if member.kind == "unknown":
        return Link("ask", Rect("unk", x + 0.75, 9, 8.5, _FLOOR - 9), title, here)
    role = "line" if member.gone else badge.tone
    wide, top = (16.0, 3) if member.kind == "full" else (7.0, 12)
    return Link("block", Rect(role, x, top, wide, _FLOOR - top), title, here)
