"""Tells the new lines of a part that ends again and again from those that it wrote before."""

import re
from dataclasses import dataclass, field

# A part that has run for so long works: its lines are printed, whatever it wrote before. Longer
# than the scheduler waits for an absent broker before it ends.
WORKS_AFTER_S = 120.0
MOST_REMEMBERED = 500  # lines
# Times, numbers of processes, IDs and addresses in memory differ from one life to the next.
_VARYING = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", re.IGNORECASE)


@dataclass
class Repeats:
    """The lines of one part in its lives so far, as far as they may say why it ended."""

    _earlier: set[str] = field(default_factory=set)
    _current: set[str] = field(default_factory=set)
    _wrote_new: bool = False
    _ends: int = 0

    def is_new(self, line: str, *, age_s: float) -> bool:
        """Returns whether to print a line of a process that began `age_s` ago."""
        if age_s >= WORKS_AFTER_S:
            return True
        text = _VARYING.sub("#", line)
        if text in self._earlier:
            return False
        if len(self._current) < MOST_REMEMBERED:
            self._current.add(text)
        self._wrote_new = True
        return True

    def count_end(self, *, age_s: float, by_itself: bool) -> int:
        """Returns how often in a row the part has ended by now without a new line: 1 for the first
        time. What somebody killed has not said why.
        """
        if age_s >= WORKS_AFTER_S or not by_itself:
            self._earlier.clear()
            self._ends = 0
        elif len(self._earlier) < MOST_REMEMBERED:
            self._earlier |= self._current
        if self._wrote_new:
            self._ends = 0
        self._current.clear()
        self._wrote_new = False
        self._ends += 1
        return self._ends


def is_reported(ends: int) -> bool:
    """Returns whether the end with this number is printed: the first, second, fourth, eighth …"""
    return ends & (ends - 1) == 0
