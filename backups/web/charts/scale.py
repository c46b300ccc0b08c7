"""Round numbers for axes, sizes with a unit, and days in words."""

import math
from dataclasses import dataclass
from datetime import date

_ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
_UNITS = (("MB", 1), ("GB", 1024), ("TB", 1024**2), ("PB", 1024**3))


@dataclass(frozen=True)
class Rect:
    """A box of an SVG in its own units; `role` is its colour's role."""

    role: str
    x: float
    y: float
    width: float
    height: float


def round_up(value: float) -> float:
    """The least round number that is not below `value`; 1 for nothing."""
    if value <= 1:
        return 1
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in _ROUND if step * power >= value)


def round_down(value: float) -> float:
    """The largest round number that is not above `value`; 0 below 1."""
    if value < 1:
        return 0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in reversed(_ROUND) if step * power <= value)


def unit_for(mb: float) -> tuple[str, int]:
    """The unit that keeps a size short, and how many MB it holds; steps of 1024."""
    return next((name, size) for name, size in reversed(_UNITS) if mb >= size or size == 1)


def short(number: float) -> str:
    """A number for an axis: no digits that say nothing."""
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:,.3g}"


def day_words(day: date) -> str:
    """Sun 25 Oct: the same in every place and language of the machine."""
    return f"{day:%a} {day.day} {day:%b}"


def day_short(day: date) -> str:
    return f"{day.day} {day:%b}"
