"""Round numbers for axes, and days as text."""

import math
from dataclasses import dataclass
from datetime import date

from backups.analysis.numbers import thousands

_ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


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


def short(number: float) -> str:
    """Writes a number for an axis: no digits that say nothing."""
    if number >= 100 or number == int(number):
        return thousands(number, decimals=0)
    return f"{number:.3g}"


def day_text(day: date) -> str:
    """Writes Sun 25 Oct: the same in every place and language of the machine."""
    return f"{day:%a} {day.day} {day:%b}"


def day_short(day: date) -> str:
    return f"{day.day} {day:%b}"
