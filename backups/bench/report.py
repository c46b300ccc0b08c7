"""The table that `make bench` prints, row by row, and small clocks to fill it with."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO


def size() -> int:
    """Returns how many backups the large measurements are made with."""
    return int(os.environ.get("VBSDASH_BENCH_BACKUPS") or 100_000)


@dataclass(frozen=True)
class Spent:
    """Seconds of the wall and of this process's processors."""

    wall: float
    cpu: float


def spent(work: Callable[[], object]) -> Spent:
    """Returns what one call took."""
    wall = time.perf_counter()
    cpu = time.process_time()
    work()
    return Spent(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu)


def p95(work: Callable[[], object], *, times: int = 40) -> float:
    """Returns the 95th percentile of the wall time of a call, in milliseconds, after three
    calls to warm up.
    """
    for _ in range(3):
        work()
    walls = sorted(spent(work).wall for _ in range(times))
    return walls[math.ceil(0.95 * times) - 1] * 1000


class Report:
    """`most`/`least`: the figure to reach, of the ratio where there is a reference,
    else of the value.

    `bare`: what nothing takes, in milliseconds; times of pages and calls are printed as
    ratios to it too.
    """

    def __init__(self, out: IO[str], *, where: str) -> None:
        self._out = out
        self._where = where
        self.missed: list[str] = []
        self.bare = 0.0

    def head(self, title: str) -> None:
        self._out.write(f"\n{title} ({self._where})\n")

    def row(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        reference: float | None = None,
        most: float | None = None,
        least: float | None = None,
    ) -> None:
        """Prints a figure. `reference`: what the bare thing took in this run, in the same unit."""
        judged = value / reference if reference else value
        text = f"  {name:<58} {value:>10,.3g} {unit:<6}"
        if reference is not None:
            text += f" = {judged:>6.2f} × {reference:,.3g} {unit}"
        elif unit == "ms" and self.bare:
            text += f" = {value / self.bare:>6.2f} × an empty view"
        is_reached = True
        goal = ""
        if least is not None:
            is_reached = judged >= least
            goal = f"≥ {least:g}"
        if most is not None:
            is_reached = is_reached and judged <= most
            goal = f"≤ {most:g}"
        if goal:
            text += f"   {goal} {'ok' if is_reached else 'MISSED'}"
        if not is_reached:
            self.missed.append(f"{self._where}: {name}")
        self._out.write(text.rstrip() + "\n")
        self._out.flush()
