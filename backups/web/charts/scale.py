"""Round numbers for axes, sizes with a unit, and days as text."""

import math
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

_ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


class Unit(NamedTuple):
    """A unit of size, and how many MB it holds; steps of 1024."""

    name: str
    mb: int


_MB = Unit("MB", 1)
_LARGE_UNITS = (Unit("PB", 1024**3), Unit("TB", 1024**2), Unit("GB", 1024))


@dataclass(frozen=True)
class Rect:
    """A box of an SVG in its own units; `role` is its colour's role."""

    role: str
    x: float
    y: float
    width: float
    height: float


def round_up(value: float) -> float:
    """Returns the least round number that is not below `value`; 1 for nothing."""
    if value <= 1:
        return 1
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in _ROUND if step * power >= value)


def round_down(value: float) -> float:
    """Returns the largest round number that is not above `value`; 0 below 1."""
    if value < 1:
        return 0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in reversed(_ROUND) if step * power <= value)


def unit_for(mb: float) -> Unit:
    """Returns the unit that keeps a size short."""
    for unit in _LARGE_UNITS:
        if mb >= unit.mb:
            return unit
    return _MB


def short(number: float) -> str:
    """Writes a number for an axis: no digits that say nothing."""
    if number >= 100 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:,.3g}"


def day_text(day: date) -> str:
    """Writes Sun 25 Oct: the same in every place and language of the machine."""
    return f"{day:%a} {day.day} {day:%b}"


def day_short(day: date) -> str:
    return f"{day.day} {day:%b}"
