"""How much is stored over time, where that leads, and what is odd about it. MB by days of UTC.

What a chain stores is what its newest member says (CS is a total of the chain): never a sum over
members.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import sqrt
from statistics import fmean, median
from typing import NamedTuple

from backups.analysis.chains import LARGEST_VOLUME_GB, Chain
from backups.analysis.facts import SKEW, Fact
from backups.vbs.statuses import STORES_NOTHING

LEAST_POINTS = 3  # below it there is no trend
_OLDEST = date(2012, 1, 1)  # nothing was stored before there were such clouds
_T95 = (
    12.71,
    4.30,
    3.18,
    2.78,
    2.57,
    2.45,
    2.36,
    2.31,
    2.26,
    2.23,
    2.20,
    2.18,
    2.16,
    2.14,
    2.13,
)  # Student's t
_T95_BEYOND = 2.1
_ODD_TIMES, _ODD_MB, _ODD_AFTER = (
    5,
    1024,
    4,
)  # a jump: so many times the usual change, and by as much; seen before


class Change(NamedTuple):
    """What a day added: MB stored, backups, and GB of the disks that they are of (what a quota
    counts).
    """

    mb: int = 0
    backups: int = 0
    gb: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """How much there was at the end of a day."""

    day: date
    mb: int
    backups: int
    gb: int


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through the points: `slope` per day ± `margin` (95 %); `value`: where it is
    on the last day.
    """

    slope: float
    margin: float
    value: float

    @property
    def is_sure(self) -> bool:
        """Is it known at all whether it rises or falls?"""
        return abs(self.slope) > self.margin


@dataclass(frozen=True, slots=True)
class Jump:
    """A day that is unlike the others; `usual` is the median change of those before it."""

    day: date
    mb: int
    usual: int

    @property
    def sentence(self) -> str:
        moved = "grew" if self.mb > 0 else "shrank"
        return (
            f"It {moved} by {abs(self.mb):,} MB on {self.day:%Y-%m-%d}; usually it changes by "
            f"{self.usual:,} MB a day."
        )


def changes(found: Iterable[Chain], facts: Iterable[Fact], now: datetime) -> dict[date, Change]:
    """Of one disk, by day. The MB of all days together are what its chains hold now; an odd chain
    counts nowhere.
    """
    by_id = {fact.id: fact for fact in facts}
    days: dict[date, list[int]] = {}
    for chain in found:
        members = [by_id[member.id] for member in chain.members]
        for member, fact in zip(chain.members, members, strict=True):
            size = max(0, min(fact.size or 0, LARGEST_VOLUME_GB))
            _add(days, _day(member.at, now), 0, 1, size)
            if fact.gone_at is not None:
                _add(days, max(_day(fact.gone_at, now), _day(member.at, now)), 0, -1, -size)
        if not chain.odd:
            for day, mb in _levels(chain, members, now):
                _add(days, day, mb, 0, 0)
    return {day: Change(*total) for day, total in sorted(days.items()) if any(total)}


def points(changed: Mapping[date, Change], *, first: date, last: date) -> list[Point]:
    """One a day from `first` to `last`; none before anything was stored."""
    mb = backups = gb = 0
    for day, change in changed.items():
        if day < first:
            mb, backups, gb = mb + change.mb, backups + change.backups, gb + change.gb
    found = []
    begun = any(day < first for day in changed)
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        change = changed.get(day, Change())
        begun = begun or day in changed
        mb, backups, gb = mb + change.mb, backups + change.backups, gb + change.gb
        if begun:
            found.append(Point(day, mb, backups, gb))
    return found


def trend(values: Sequence[tuple[date, float]]) -> Trend | None:
    """Least squares. None below three points: not enough data."""
    if len(values) < LEAST_POINTS:
        return None
    xs, ys = [day.toordinal() for day, _ in values], [value for _, value in values]
    x_mean, y_mean = fmean(xs), fmean(ys)
    spread = sum((x - x_mean) ** 2 for x in xs)
    if not spread:
        return None
    slope = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / spread
    left = sum((y - y_mean - slope * (x - x_mean)) ** 2 for x, y in zip(xs, ys, strict=True))
    free = len(values) - 2
    t = _T95[free - 1] if free <= len(_T95) else _T95_BEYOND
    return Trend(slope, t * sqrt(left / free / spread), y_mean + slope * (max(xs) - x_mean))


def days_until(limit: float, now: float, found: Trend | None) -> float | None:
    """0 when it is reached; None when the trend does not lead there for sure."""
    if now >= limit:
        return 0.0
    if found is None or found.slope <= 0 or not found.is_sure:
        return None
    return (limit - now) / found.slope


def jump(found: Sequence[Point]) -> Jump | None:
    """The last change, when it is far from the usual one."""
    moved = [(after.day, after.mb - before.mb) for before, after in pairwise(found)]
    moved = [(day, mb) for day, mb in moved if mb]
    if len(moved) <= _ODD_AFTER:
        return None
    usual = median(abs(mb) for _, mb in moved[:-1])
    day, mb = moved[-1]
    if abs(mb) <= _ODD_TIMES * usual or abs(mb) - usual <= _ODD_MB:
        return None
    return Jump(day, mb, round(usual))


def _levels(chain: Chain, facts: Sequence[Fact], now: datetime) -> list[tuple[date, int]]:
    """By how much the chain's size changed, and when: its newest member that is there tells it."""
    stores = [n for n, fact in enumerate(facts) if fact.status not in STORES_NOTHING]
    events = [(_day(chain.members[n].at, now), 0, n) for n in stores]
    events += [
        (max(_day(gone, now), _day(chain.members[n].at, now)), 1, n)
        for n in stores
        if (gone := facts[n].gone_at)
    ]
    there: list[int] = []  # in order; those that are gone are dropped when they come to the end
    gone_ones: set[int] = set()
    moved, level = [], 0
    for day, is_end, n in sorted(events):
        if is_end:
            gone_ones.add(n)
        else:
            there.append(n)
        while there and there[-1] in gone_ones:
            there.pop()
        size = (facts[there[-1]].chain_size_mb or 0) if there else 0
        if size != level:
            moved.append((day, size - level))
            level = size
    return moved


def _add(days: dict[date, list[int]], day: date, mb: int, backups: int, gb: int) -> None:
    total = days.setdefault(day, [0, 0, 0])
    total[0], total[1], total[2] = total[0] + mb, total[1] + backups, total[2] + gb


def _day(at: datetime, now: datetime) -> date:
    """A time that cannot be true is moved to the nearest that can."""
    return max(min(at, now + SKEW).astimezone(UTC).date(), _OLDEST)
