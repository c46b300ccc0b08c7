"""Outcomes by day: good ones stand above the line, failed and missed ones hang below it, drawn
larger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from backups.web.charts.scale import Rect, day_short, day_words, round_up, short

WIDTH, HEIGHT, TOP, LINE = 600, 136, 16, 98  # the rows of .y-outcomes in vbsdash.css follow these
_BELOW = HEIGHT - LINE - 2
_LEAST = 2.5  # a single failure among thousands is still seen


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
    day: date
    name: str
    title: str
    good: int
    failed: int
    missed: int
    shapes: tuple[Rect, ...]


@dataclass(frozen=True)
class OutcomesChart:
    """`ticks`: the words beside the lines at TOP, at LINE and at the bottom; `marks`: those
    below.
    """

    title: str
    description: str
    columns: tuple[Column, ...]
    ticks: tuple[str, str, str]
    marks: tuple[str, ...]
    good: int
    failed: int
    missed: int


def outcomes(days: Sequence[Day]) -> OutcomesChart:
    """`days` in order, the last one being today."""
    above = round_up(max((one.good for one in days), default=0) * (LINE - TOP) / (LINE - 2))
    below = round_up(max((one.failed + one.missed for one in days), default=0))
    step = WIDTH / max(len(days), 1)
    columns = tuple(_column(one, at * step, step, above, below) for at, one in enumerate(days))
    span = f"{day_short(days[0].day)} to {day_short(days[-1].day)}" if days else "no day yet"
    marks = (*(day_short(one.day) for one in days[:-1:7]), "today") if days else ()
    return OutcomesChart(
        title=f"Outcomes by day, {span}",
        description=_description(columns),
        columns=columns,
        ticks=(short(above), "0", short(below)),
        marks=marks,
        good=sum(one.good for one in days),
        failed=sum(one.failed for one in days),
        missed=sum(one.missed for one in days),
    )


def _column(one: Day, left: float, step: float, above: float, below: float) -> Column:
    x, width = round(left + step * 0.15, 1), round(step * 0.7, 1)
    shapes = []
    if one.good:
        height = max(_LEAST, round(one.good / above * (LINE - TOP), 1))
        shapes.append(Rect("soft", x, round(LINE - 2 - height, 1), width, height))
        shapes.append(Rect("ok", x, round(LINE - 2 - height, 1), width, _LEAST))
    deep = 0.0
    if one.failed:
        deep = max(_LEAST, round(one.failed / below * _BELOW, 1))
        shapes.append(Rect("fail", x, LINE + 1, width, deep))
    if one.missed:
        height = max(_LEAST, round(one.missed / below * _BELOW, 1))
        shapes.append(
            Rect("warn", round(x + width * 0.2, 1), LINE + 1 + deep, round(width * 0.6, 1), height)
        )
    name = day_words(one.day)
    title = f"{name}: {one.good:,} good, {one.failed:,} failed, {one.missed:,} missed"
    return Column(one.day, name, title, one.good, one.failed, one.missed, tuple(shapes))


def _description(columns: Sequence[Column]) -> str:
    head = "Good backups stand above the line, failed and missed ones hang below it."
    worst = max(columns, key=lambda one: one.failed + one.missed, default=None)
    if worst is None or not worst.failed + worst.missed:
        return f"{head} None failed or was missed."
    return f"{head} Worst day: {worst.title}."
