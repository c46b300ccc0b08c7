"""Sizes as people read them. Clouds give MB and GB; one MB is 1024 x 1024 bytes, as the metric
`vbsdash_chain_size_bytes` has it, and each larger unit is 1024 of the one before.
"""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from backups.analysis.numbers import thousands

MB_PER_GB: Final = 1024
BYTES_PER_MB: Final = 1024**2


class Unit(NamedTuple):
    """A unit of size, and how many MB it holds."""

    name: str
    mb: int


MB: Final = Unit("MB", 1)
GB: Final = Unit("GB", MB_PER_GB)
TB: Final = Unit("TB", 1024**2)
_LARGE_UNITS: Final = (Unit("EB", 1024**4), Unit("PB", 1024**3), TB, GB)
# A number below the least one is written as less than it: "0.00" would say that there is nothing.
_LEAST: Final = 0.0001


def unit_for(mb: float) -> Unit:
    """Returns the unit that keeps a size short."""
    for unit in _LARGE_UNITS:
        if abs(mb) >= unit.mb:
            return unit
    return MB


def unit_of_all(sizes_in_mb: Iterable[float | None]) -> Unit:
    """Returns the one unit of a column: that of its largest size, at most TB, so that one that
    cannot be true leaves the others readable; None is not known.
    """
    unit = unit_for(max((abs(mb) for mb in sizes_in_mb if mb is not None), default=0))
    return min(unit, TB, key=lambda one: one.mb)


def in_unit(mb: float, unit: Unit) -> str:
    """Writes the number of a size without its unit: three digits that count, of small ones two, and
    never 0 for what is more.
    """
    value = mb / unit.mb
    amount = abs(value)
    if value == int(value):
        return thousands(int(value))
    if amount < _LEAST:
        return f"<{_LEAST}" if value > 0 else f">-{_LEAST}"
    if amount >= 1:
        decimals = max(0, 2 - math.floor(math.log10(amount)))
    else:
        decimals = max(2, 1 - math.floor(math.log10(amount)))
    return thousands(value, decimals=decimals)


def size(mb: float) -> str:
    """Writes 1.18 TB."""
    unit = unit_for(mb)
    return f"{in_unit(mb, unit)} {unit.name}"
