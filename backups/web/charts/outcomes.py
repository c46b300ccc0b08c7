"""Outcomes by day: good ones stand above the line, failed and missed ones hang
below it, drawn larger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from backups.analysis.numbers import thousands
from backups.web.charts.scale import Rect, day_short, day_text, round_up, short

# The rows of .y-outcomes in vbsdash.css follow these.
WIDTH = 600
HEIGHT = 136
TOP = 16
LINE = 98
_ABOVE = LINE - TOP
_BELOW = HEIGHT - LINE - 2
_LEAST = 2.5  # a single failure among thousands is still seen
_DAYS_PER_MARK = 7


class Day(Protocol):
    @property
    def day(self) -> date: ...
    @property
    def good(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def missed(self) -> int: ...


@dataclass(frozen=True)
class Column:
    """`at`: where it stands, from 0 on the left to 1. Today is not over: its counts may still grow,
    which its `name` says.
    """

    day: date
    at: float
    is_today: bool
    name: str
    title: str
    good: int
    failed: int
    missed: int
    shapes: tuple[Rect, ...]


@dataclass(frozen=True)
class OutcomesChart:
    """`ticks`: the texts beside the lines at TOP, at LINE and at the
    bottom; `marks`: those below.
    """

    title: str
    description: str
    columns: tuple[Column, ...]
    ticks: tuple[str, str, str]
    marks: tuple[str, ...]


@dataclass(frozen=True)
class _Scale:
    """How many backups the room above and below the line holds, and how wide a day is."""

    above: float
    below: float
    day_width: float


def outcomes(days: Sequence[Day]) -> OutcomesChart:
    """Draws a column a day; `days` in order, the last one being today."""
    most_good = max((day.good for day in days), default=0)
    most_bad = max((day.failed + day.missed for day in days), default=0)
    scale = _Scale(
        above=round_up(most_good * _ABOVE / (LINE - 2)),
        below=round_up(most_bad),
        day_width=WIDTH / max(len(days), 1),
    )
    columns = tuple(
        _column(day, number, scale, is_today=number == len(days) - 1)
        for number, day in enumerate(days)
    )
    span = "no day yet"
    marks = []
    if days:
        span = f"{day_short(days[0].day)} to {day_short(days[-1].day)}"
        marks = [day_short(day.day) for day in days[:-1:_DAYS_PER_MARK]]
        marks.append("today")
    return OutcomesChart(
        title=f"Outcomes by day, {span}",
        description=_description(columns),
        columns=columns,
        ticks=(short(scale.above), "0", short(scale.below)),
        marks=tuple(marks),
    )


def _column(day: Day, number: int, scale: _Scale, *, is_today: bool) -> Column:
    x = round(number * scale.day_width + scale.day_width * 0.15, 1)
    width = round(scale.day_width * 0.7, 1)
    shapes = []
    if day.good:
        height = max(_LEAST, round(day.good / scale.above * _ABOVE, 1))
        top = round(LINE - 2 - height, 1)
        shapes.append(Rect("soft", x, top, width, height))
        shapes.append(Rect("ok", x, top, width, _LEAST))
    failed_height = 0.0
    if day.failed:
        failed_height = max(_LEAST, round(day.failed / scale.below * _BELOW, 1))
        shapes.append(Rect("fail", x, LINE + 1, width, failed_height))
    if day.missed:
        # Narrower, and below those that failed.
        height = max(_LEAST, round(day.missed / scale.below * _BELOW, 1))
        left = round(x + width * 0.2, 1)
        shapes.append(Rect("warn", left, LINE + 1 + failed_height, round(width * 0.6, 1), height))
    name = day_text(day.day)
    if is_today:
        name += " (today, unfinished)"
    counts = (
        f"{thousands(day.good)} good, {thousands(day.failed)} failed, "
        f"{thousands(day.missed)} missed"
    )
    title = f"{name}: {counts}"
    return Column(
        day=day.day,
        at=round((number + 0.5) * scale.day_width / WIDTH, 4),
        is_today=is_today,
        name=name,
        title=title,
        good=day.good,
        failed=day.failed,
        missed=day.missed,
        shapes=tuple(shapes),
    )


def _description(columns: Sequence[Column]) -> str:
    beginning = "Good backups stand above the line, failed and missed ones hang below it."
    worst = max(columns, key=lambda column: column.failed + column.missed, default=None)
    if worst is None or not worst.failed + worst.missed:
        return f"{beginning} None failed or was missed."
    return f"{beginning} Worst day: {worst.title}."
