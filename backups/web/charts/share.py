"""One bar that holds every disk: parts by protection, the small ones wide enough to be seen."""

from collections.abc import Mapping
from dataclasses import dataclass

from backups.web import status
from backups.web.charts.scale import Rect
from backups.web.status import Badge

ORDER = ("protected", "late", "overdue", "never", "unknown", "exempt", "deleted")
WIDTH, HEIGHT, _GAP, _LEAST = 1000.0, 12, 2.5, 9.5


@dataclass(frozen=True)
class Part:
    word: str
    n: int
    badge: Badge
    shape: Rect


@dataclass(frozen=True)
class Share:
    title: str
    parts: tuple[Part, ...]


def share(counts: Mapping[str, int]) -> Share:
    """`counts` by protection; a state without a disk takes no room."""
    there = [(word, counts[word], status.PROTECTION[word]) for word in ORDER if counts.get(word)]
    total = sum(n for _, n, _ in there)
    room = WIDTH - _GAP * max(len(there) - 1, 0) - _LEAST * len(there)
    parts, x = [], 0.0
    for word, n, badge in there:
        width = round(_LEAST + room * n / total, 1)
        role = "calm" if badge.tone == "ok" else badge.tone
        parts.append(Part(word, n, badge, Rect(role, round(x, 1), 0, width, HEIGHT)))
        x += width + _GAP
    return Share(
        ", ".join(f"{n:,} {badge.text}" for _, n, badge in there) or "no disk yet", tuple(parts)
    )
