"""Stored data over time: a line over its area; a day without a figure is a gap, not a zero."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from backups.web.charts.scale import day_short, day_words, round_down, round_up, short, unit_for

WIDTH, HEIGHT, TOP, BASE = 600, 136, 20, 120  # the rows of .y-growth in vbsdash.css follow these
_LIMIT_SHOWN = (
    1.5  # a limit further away than this many times the largest figure would flatten the line
)
_ROWS = 30  # of the table


@dataclass(frozen=True)
class GrowthChart:
    """Empty `line`: too few figures to draw one."""

    title: str
    description: str
    area: str
    line: str
    limit: float | None  # height of the dashed line
    ticks: tuple[str, str]
    marks: tuple[str, ...]
    rows: tuple[tuple[str, int], ...]  # day in words and MB, newest first


def growth(
    points: Sequence[tuple[date, int | None]], *, limit_mb: int | None = None, of: str
) -> GrowthChart:
    """`points` in order; `of` says in the title what grows."""
    known = [(day, mb) for day, mb in points if mb is not None]
    rows = tuple((day_words(day), mb) for day, mb in reversed(known[-_ROWS:]))
    if len(known) < 2:
        return GrowthChart(
            of, "Not enough figures for a line yet.", "", "", None, ("", ""), (), rows
        )
    sizes = [mb for _, mb in known]
    shown_limit = (
        limit_mb
        if limit_mb is not None and max(sizes) <= limit_mb <= _LIMIT_SHOWN * max(sizes)
        else None
    )
    unit, low, high = _axis(min(sizes), shown_limit or max(sizes), exact=shown_limit is not None)
    place = _Place(known[0][0], max((known[-1][0] - known[0][0]).days, 1), low, high)
    runs = _runs(points)
    marks = (day_short(known[0][0]), day_short(known[len(known) // 2][0]), day_short(known[-1][0]))
    return GrowthChart(
        title=f"{of}, {marks[0]} to {marks[-1]}",
        description=_description(known, shown_limit),
        area=" ".join(place.area(run) for run in runs if len(run) > 1),
        line=" ".join(place.line(run) for run in runs),
        limit=place.y(shown_limit) if shown_limit is not None else None,
        ticks=(f"{short(high / unit[1])} {unit[0]}", short(low / unit[1])),
        marks=marks,
        rows=rows,
    )


@dataclass(frozen=True)
class _Place:
    first: date
    days: int
    low: float
    high: float

    def x(self, day: date) -> float:
        return round((day - self.first).days / self.days * WIDTH, 1)

    def y(self, mb: float) -> float:
        return round(BASE - (mb - self.low) / (self.high - self.low) * (BASE - TOP), 1)

    def line(self, run: Sequence[tuple[date, int]]) -> str:
        return "M" + " L".join(f"{self.x(day)} {self.y(mb)}" for day, mb in run)

    def area(self, run: Sequence[tuple[date, int]]) -> str:
        return f"{self.line(run)} L{self.x(run[-1][0])} {BASE} L{self.x(run[0][0])} {BASE}Z"


def _axis(least: float, most: float, *, exact: bool) -> tuple[tuple[str, int], float, float]:
    """Unit, base and top. The base is 0 unless that would hide what moves; it is always written
    beside the line.
    """
    unit = unit_for(most)
    high = most if exact else round_up(most / unit[1]) * unit[1]
    low = round_down(least / unit[1]) * unit[1] if least > 0.5 * most else 0.0
    return unit, low if low < high else 0.0, max(high, 1.0)


def _runs(points: Sequence[tuple[date, int | None]]) -> list[list[tuple[date, int]]]:
    runs: list[list[tuple[date, int]]] = [[]]
    for day, mb in points:
        if mb is None:
            runs.append([])
        else:
            runs[-1].append((day, mb))
    return [run for run in runs if run]


def _description(known: Sequence[tuple[date, int]], limit: int | None) -> str:
    (first, before), (last, after) = known[0], known[-1]
    if before == after:
        moved = f"Stays at {after:,} MB"
    else:
        moved = f"{'Rises' if after > before else 'Falls'} from {before:,} to {after:,} MB"
    text = f"{moved} between {day_short(first)} and {day_short(last)}."
    return f"{text} The dashed line is the limit of {limit:,} MB." if limit is not None else text
