"""How much is stored over time, where that leads, and what is odd about it. MB by days of UTC.

What a chain stores is what its newest member says (CS is a total of the chain): never
a sum over members.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import sqrt
from statistics import linear_regression, median, variance
from typing import NamedTuple

from backups.analysis.chains import LARGEST_VOLUME_GB, Chain
from backups.analysis.facts import SKEW, Fact
from backups.analysis.sizes import size
from backups.vbs.statuses import STORES_NOTHING

LEAST_POINTS = 3  # below it there is no trend
_OLDEST = date(2012, 1, 1)  # nothing was stored before there were such clouds
# The factor of Student's t for an interval of 95 %, by degrees of freedom from 1 on.
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
)
_T95_BEYOND = 2.1
# A jump is more than so many times the usual change, more than so much beyond it, and known only
# after so many changes.
_JUMP_TIMES_USUAL = 5
_JUMP_BEYOND_USUAL_MB = 1024
_CHANGES_BEFORE_JUMP = 4


class Change(NamedTuple):
    """What a day added: MB stored, backups, and GB of the volumes that they are of
    (what a quota counts).
    """

    mb: int = 0
    backups: int = 0
    gb: int = 0

    def plus(self, other: "Change") -> "Change":
        return Change(self.mb + other.mb, self.backups + other.backups, self.gb + other.gb)


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
        """Returns whether it is known at all that it rises, or that it falls."""
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
            f"It {moved} by {size(abs(self.mb))} on {self.day:%Y-%m-%d}; usually it "
            f"changes by {size(self.usual)} a day."
        )


def changes(chains: Iterable[Chain], facts: Iterable[Fact], now: datetime) -> dict[date, Change]:
    """Returns what one volume added, by day. The MB of all days together are what its chains hold
    now; the MB of an odd chain count nowhere.
    """
    fact_of = {fact.id: fact for fact in facts}
    days: dict[date, Change] = {}
    for chain in chains:
        members = [fact_of[member.id] for member in chain.members]
        for fact in members:
            gb = max(0, min(fact.size or 0, LARGEST_VOLUME_GB))
            made_on = _day(fact.at, now)
            _add(days, made_on, Change(0, 1, gb))
            if fact.gone_at is not None:
                gone_on = max(_day(fact.gone_at, now), made_on)
                _add(days, gone_on, Change(0, -1, -gb))
        if not chain.odd:
            for day, mb in _size_changes(members, now):
                _add(days, day, Change(mb, 0, 0))
    return {day: change for day, change in sorted(days.items()) if any(change)}


def _add(days: dict[date, Change], day: date, more: Change) -> None:
    before = days.get(day)
    days[day] = more if before is None else before.plus(more)


def points(changed: Mapping[date, Change], *, first: date, last: date) -> list[Point]:
    """Returns a point a day from `first` to `last`; none before anything was stored."""
    total = Change()
    has_begun = False
    for day, change in changed.items():
        if day < first:
            total = total.plus(change)
            has_begun = True
    series = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        if day in changed:
            total = total.plus(changed[day])
            has_begun = True
        if has_begun:
            series.append(Point(day, total.mb, total.backups, total.gb))
    return series


def trend(values: Sequence[tuple[date, float]]) -> Trend | None:
    """Returns the line of least squares; None below three points, or when all are of one day."""
    if len(values) < LEAST_POINTS:
        return None
    first_day = values[0][0]
    xs = [(day - first_day).days for day, _ in values]
    ys = [value for _, value in values]
    spread = variance(xs) * (len(xs) - 1)  # the sum of squares around the mean
    if not spread:
        return None
    slope, intercept = linear_regression(xs, ys)
    residuals = [y - (intercept + slope * x) for x, y in zip(xs, ys, strict=True)]
    degrees_of_freedom = len(xs) - 2
    residual_variance = sum(residual**2 for residual in residuals) / degrees_of_freedom
    t = _T95[degrees_of_freedom - 1] if degrees_of_freedom <= len(_T95) else _T95_BEYOND
    return Trend(
        slope=slope,
        margin=t * sqrt(residual_variance / spread),
        value=intercept + slope * max(xs),
    )


def days_until(limit: float, used: float, line: Trend | None) -> float | None:
    """Returns 0 when the limit is reached; None when the trend does not lead there for sure."""
    if used >= limit:
        return 0.0
    if line is None or line.slope <= 0 or not line.is_sure:
        return None
    return (limit - used) / line.slope


def jump(series: Sequence[Point]) -> Jump | None:
    """Returns the last change, when it is far from the usual one."""
    moves: list[tuple[date, int]] = []
    for before, after in pairwise(series):
        if after.mb != before.mb:
            moves.append((after.day, after.mb - before.mb))
    if len(moves) <= _CHANGES_BEFORE_JUMP:
        return None
    usual = median(abs(mb) for _, mb in moves[:-1])
    day, mb = moves[-1]
    if abs(mb) <= _JUMP_TIMES_USUAL * usual or abs(mb) - usual <= _JUMP_BEYOND_USUAL_MB:
        return None
    return Jump(day, mb, round(usual))


def _size_changes(members: Sequence[Fact], now: datetime) -> list[tuple[date, int]]:
    """Returns when the size of a chain changed and by how many MB: its newest member that
    is there tells it.
    """
    events: list[tuple[date, bool, int]] = []  # day, does it go, place in the chain
    for place, fact in enumerate(members):
        if fact.status in STORES_NOTHING:
            continue
        made_on = _day(fact.at, now)
        events.append((made_on, False, place))
        if fact.gone_at is not None:
            events.append((max(_day(fact.gone_at, now), made_on), True, place))
    present: list[int] = []  # in order; those that are gone are dropped when they come to the end
    gone: set[int] = set()
    size_changes = []
    size = 0
    for day, goes, place in sorted(events):
        if goes:
            gone.add(place)
        else:
            present.append(place)
        while present and present[-1] in gone:
            present.pop()
        size_before = size
        size = (members[present[-1]].chain_size_mb or 0) if present else 0
        if size != size_before:
            size_changes.append((day, size - size_before))
    return size_changes


def _day(at: datetime, now: datetime) -> date:
    """Returns the day of UTC. A time that cannot be true is moved to the nearest that can."""
    return max(min(at, now + SKEW).astimezone(UTC).date(), _OLDEST)
