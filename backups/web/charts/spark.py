"""How often a cause struck on each of the last days: a column a day, a hairline for none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from backups.analysis.numbers import thousands
from backups.web.charts.scale import Rect, day_short

WIDTH = 150
HEIGHT = 24
_ROOM = 20.0  # of the highest column
_FOOT = 22.0  # where the columns stand
_LEAST = 1.5
_HAIRLINE = 1.0


@dataclass(frozen=True)
class Spark:
    title: str
    shapes: tuple[Rect, ...]


def spark(days: Sequence[tuple[date, int]]) -> Spark:
    """Draws how often something happened by day, `days` in order."""
    if not days:
        return Spark("No day yet", ())
    most = max(count for _, count in days)
    step = WIDTH / len(days)
    width = round(step - 1, 1)
    shapes = []
    for number, (_, count) in enumerate(days):
        role = "line"
        height = _HAIRLINE
        if count:
            role = "fail"
            height = max(_LEAST, round(count / most * _ROOM, 1))
        top = round(_FOOT - height, 1)
        shapes.append(Rect(role, round(number * step, 1), top, width, height))
    first_day = days[0][0]
    return Spark(f"By day since {day_short(first_day)}, highest {thousands(most)}", tuple(shapes))
