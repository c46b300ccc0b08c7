"""Stored data over time: a line over its area; a day without a figure is a gap, not a zero."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from backups.analysis.sizes import Unit, in_unit, size, unit_for, unit_of_all
from backups.web.charts.scale import (
    day_short,
    day_text,
    round_down,
    round_up,
    short,
)

# The rows of .y-growth in vbsdash.css follow these.
WIDTH = 600
HEIGHT = 136
TOP = 20
BASE = 120
# A limit further away than this many times the largest figure would flatten the line.
_LIMIT_SHOWN = 1.5
# The axis begins above 0 where the smallest figure is above this part of the largest.
_ZERO_SHOWN = 0.5


@dataclass(frozen=True)
class GrowthChart:
    """Empty `line`: too few figures to draw one; `unfinished` leads on to today. `limit` is the
    height of the dashed line. `rows` begin with the newest; `unit`: the one in which they are
    written.
    """

    title: str
    description: str
    area: str
    line: str
    unfinished: str
    limit: float | None
    ticks: tuple[str, str]
    begins_at_zero: bool
    marks: tuple[str, ...]
    rows: tuple["GrowthRow", ...]
    unit: Unit


class GrowthRow(NamedTuple):
    """`at`: where the figure stands, from 0 on the left to 1."""

    day: str
    mb: int
    at: float


class Figure(NamedTuple):
    day: date
    mb: int


class Axis(NamedTuple):
    """`low` and `high` in MB."""

    unit: Unit
    low: float
    high: float


def growth(
    points: Sequence[tuple[date, int | None]],
    *,
    limit_mb: int | None = None,
    of: str,
    today: date | None = None,
) -> GrowthChart:
    """Draws stored MB by day, `points` in order; `of` says in the title what grows. The figure of
    `today` may still change.
    """
    runs = _runs(points)
    figures = list(itertools.chain.from_iterable(runs))
    unit = unit_of_all(mb for _, mb in figures)
    if len(figures) < 2:
        description = "Not enough figures for a line yet."
        rows = _rows(figures, first=date.max, days=1, today=today)
        return GrowthChart(of, description, "", "", "", None, ("", ""), True, (), rows, unit)
    first = figures[0].day
    last = figures[-1].day
    sizes = [figure.mb for figure in figures]
    least = min(sizes)
    most = max(sizes)
    limit = limit_mb
    if limit is not None and not most <= limit <= _LIMIT_SHOWN * most:
        limit = None
    axis = _axis(least, most, limit)
    days = max((last - first).days, 1)
    drawing = _Drawing(first, days, axis.low, axis.high)
    unfinished = ""
    if last == today and len(runs[-1]) > 1:
        unfinished = drawing.line(runs[-1][-2:])
        runs[-1] = runs[-1][:-1]
    marks = (day_short(first), day_short(figures[len(figures) // 2].day), day_short(last))
    return GrowthChart(
        title=f"{of}, {marks[0]} to {marks[-1]}",
        description=_description(figures[0], figures[-1], limit),
        area=" ".join(drawing.area(run) for run in runs if len(run) > 1),
        line=" ".join(drawing.line(run) for run in runs),
        unfinished=unfinished,
        limit=drawing.y(limit) if limit is not None else None,
        ticks=(
            f"{short(axis.high / axis.unit.mb)} {axis.unit.name}",
            short(axis.low / axis.unit.mb),
        ),
        begins_at_zero=axis.low == 0,
        marks=marks,
        rows=_rows(figures, first=first, days=days, today=today),
        unit=unit,
    )


def _rows(
    figures: Sequence[Figure], *, first: date, days: int, today: date | None
) -> tuple[GrowthRow, ...]:
    """Returns the figures as rows of a table, the newest first."""
    rows: list[GrowthRow] = []
    for figure in reversed(figures):
        name = day_text(figure.day)
        if figure.day == today:
            name += " (today, so far)"
        rows.append(GrowthRow(name, figure.mb, round((figure.day - first).days / days, 4)))
    return tuple(rows)


@dataclass(frozen=True)
class _Drawing:
    """Turns days and MB into places of the drawing."""

    first: date
    days: int
    low: float
    high: float

    def x(self, day: date) -> float:
        return round((day - self.first).days / self.days * WIDTH, 1)

    def y(self, mb: float) -> float:
        return round(BASE - (mb - self.low) / (self.high - self.low) * (BASE - TOP), 1)

    def line(self, run: Sequence[Figure]) -> str:
        return "M" + " L".join(f"{self.x(figure.day)} {self.y(figure.mb)}" for figure in run)

    def area(self, run: Sequence[Figure]) -> str:
        return f"{self.line(run)} L{self.x(run[-1].day)} {BASE} L{self.x(run[0].day)} {BASE}Z"


def _axis(least: int, most: int, limit: int | None) -> Axis:
    """Ends at the limit when one is shown, else at a round number. The base is 0 unless that would
    hide what moves; it is always written beside the line.
    """
    high: float = most if limit is None else limit
    unit = unit_for(high)
    low = 0.0
    if least > _ZERO_SHOWN * high:
        low = round_down(least / unit.mb) * unit.mb
    if limit is None:
        high = round_up(high / unit.mb) * unit.mb
    return Axis(unit, low if low < high else 0.0, max(high, 1.0))


def _runs(points: Sequence[tuple[date, int | None]]) -> list[list[Figure]]:
    """Returns the figures in runs of days without a gap."""
    runs: list[list[Figure]] = []
    is_gap = True
    for day, mb in points:
        if mb is None:
            is_gap = True
            continue
        if is_gap:
            runs.append([])
        runs[-1].append(Figure(day, mb))
        is_gap = False
    return runs


def _description(first: Figure, last: Figure, limit_mb: int | None) -> str:
    if first.mb == last.mb:
        moved = f"Stays at {size(last.mb)}"
    else:
        verb = "Rises" if last.mb > first.mb else "Falls"
        unit = unit_of_all((first.mb, last.mb))
        figures = f"from {in_unit(first.mb, unit)} to {in_unit(last.mb, unit)} {unit.name}"
        moved = f"{verb} {figures}"
    text = f"{moved} between {day_short(first.day)} and {day_short(last.day)}."
    if limit_mb is not None:
        text += f" The dashed line is the limit of {size(limit_mb)}."
    return text
