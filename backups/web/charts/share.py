"""One bar that holds every disk: parts by protection, the small ones wide enough to be seen."""

from collections.abc import Mapping
from dataclasses import dataclass

from backups.analysis.numbers import thousands
from backups.web import status
from backups.web.charts.scale import Rect
from backups.web.status import Badge

ORDER = ("protected", "late", "overdue", "never", "unknown", "exempt", "deleted")
WIDTH = 1000.0
HEIGHT = 12
_GAP = 2.5
_LEAST = 9.5  # width of a part


@dataclass(frozen=True)
class Part:
    """The disks that are in one state of protection."""

    protection: str
    n: int
    badge: Badge
    shape: Rect


@dataclass(frozen=True)
class Share:
    title: str
    parts: tuple[Part, ...]


def share(counts: Mapping[str, int]) -> Share:
    """Draws `counts` by protection; a state that no disk is in takes no room."""
    protections = [protection for protection in ORDER if counts.get(protection)]
    total = sum(counts[protection] for protection in protections)
    gaps = _GAP * max(len(protections) - 1, 0)
    room = WIDTH - gaps - _LEAST * len(protections)
    parts = []
    texts = []
    x = 0.0
    for protection in protections:
        n = counts[protection]
        badge = status.PROTECTION[protection]
        role = "calm" if badge.tone == "ok" else badge.tone
        width = round(_LEAST + room * n / total, 1)
        parts.append(Part(protection, n, badge, Rect(role, round(x, 1), 0, width, HEIGHT)))
        texts.append(f"{thousands(n)} {badge.text}")
        x += width + _GAP
    return Share(", ".join(texts) or "no disk yet", tuple(parts))
