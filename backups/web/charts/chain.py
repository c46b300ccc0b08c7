"""A chain as a strip: a tall block is a full backup, a thin bar an incremental, in time order.

A failed one is a hole, one in flight has the colour of what moves, one that is gone from the cloud
is pale, one whose kind nobody knows is dashed.
"""

import itertools
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from backups.analysis.numbers import thousands
from backups.vbs.statuses import FAILED
from backups.web import status
from backups.web.charts.scale import Rect

HEIGHT = 34
MOST_DRAWN = 60  # members; of a longer chain the newest
_FLOOR = 29  # on which all blocks stand
_LEFT = 2.0
_GAP = 5.0  # between members
_GAP_OF_CHAINS = 10.0  # on top of it, between two chains
Shape = Literal["block", "hole", "ask"]


class Member(Protocol):
    """A backup as the strip needs it."""

    @property
    def id(self) -> uuid.UUID | str: ...
    @property
    def kind(self) -> str: ...
    @property
    def status(self) -> str | None: ...
    @property
    def gone(self) -> bool: ...


class Numbered(NamedTuple):
    """A member and the number of its chain."""

    chain: int
    member: Member


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
    """Draws chains, which stand oldest first, as their members do. `of` is the title; `here` is the
    ID of the backup to point at. Not `known`: what is known of them is too old to look healthy.
    """
    members = []
    for number, chain in enumerate(chains):
        members += [Numbered(number, member) for member in chain]
    drawn = _drawn(members, here)
    links = []
    x = _LEFT
    for place, (number, member) in enumerate(drawn):
        if place > 0 and number != drawn[place - 1].chain:
            x += _GAP_OF_CHAINS
        link = _link(member, x, here=str(member.id) == here, known=known)
        links.append(link)
        x += link.box.width + _GAP
    description = summary(itertools.chain.from_iterable(chains))
    left_out = len(members) - len(drawn)
    if left_out:
        description += f"; the {thousands(left_out)} oldest are not drawn"
    return Strip(of, description, round(x + 2, 1), tuple(links), left_out)


def summary(members: Iterable[Member]) -> str:
    """Returns a chain as text: full + 5 incremental, 3 failed."""
    counts = Counter("failed" if member.status in FAILED else member.kind for member in members)
    good = []
    if counts["full"]:
        good.append("full" if counts["full"] == 1 else f"{thousands(counts['full'])} full")
    if counts["incremental"]:
        good.append(f"{thousands(counts['incremental'])} incremental")
    if counts["unknown"]:
        good.append(f"{thousands(counts['unknown'])} of unknown kind")
    parts = []
    if good:
        parts.append(" + ".join(good))
    if counts["failed"]:
        parts.append(f"{thousands(counts['failed'])} failed")
    return ", ".join(parts) or "nothing"


def _drawn(members: list[Numbered], here: str | None) -> list[Numbered]:
    """Returns the newest, moved back as far as it takes to hold the one to point at."""
    first = max(len(members) - MOST_DRAWN, 0)
    for place, numbered in enumerate(members):
        if str(numbered.member.id) == here:
            first = min(first, max(place - MOST_DRAWN // 2, 0))
            break
    return members[first : first + MOST_DRAWN]


def _link(member: Member, x: float, *, here: bool, known: bool) -> Link:
    tracking_state = "fresh" if known else "stale"
    if member.gone:
        tracking_state = "gone"
    badge = status.of_backup(status=member.status, tracking_state=tracking_state)
    title = f"{status.KINDS[member.kind].text}, {badge.text}"
    if member.status in FAILED and not member.gone:
        return Link("hole", Rect("fail", x + 0.75, 12, 8.5, _FLOOR - 12), title, here)
    if member.kind == "unknown":
        return Link("ask", Rect("unk", x + 0.75, 9, 8.5, _FLOOR - 9), title, here)
    role = "line" if member.gone else badge.tone
    if member.kind == "full":
        box = Rect(role, x, 3, 16.0, _FLOOR - 3)
    else:
        box = Rect(role, x, 12, 7.0, _FLOOR - 12)
    return Link("block", box, title, here)
