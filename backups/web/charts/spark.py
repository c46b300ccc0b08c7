"""How often a cause struck on each of the last days: a column a day, a hairline for none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from backups.web.charts.scale import Rect, day_short

WIDTH, HEIGHT = 150, 24
_ROOM, _FOOT = 20.0, 22.0


@dataclass(frozen=True)
class Spark:
    title: str
    shapes: tuple[Rect, ...]


def spark(days: Sequence[tuple[date, int]]) -> Spark:
    most = max((n for _, n in days), default=0)
    step = WIDTH / max(len(days), 1)
    shapes = []
    for at, (_, n) in enumerate(days):
        height = max(1.5, round(n / most * _ROOM, 1)) if n else 1.0
        box = (round(at * step, 1), round(_FOOT - height, 1), round(step - 1, 1), height)
        shapes.append(Rect("fail" if n else "line", *box))
    title = f"By day since {day_short(days[0][0])}, highest {most:,}" if days else "No day yet"
    return Spark(title, tuple(shapes))
