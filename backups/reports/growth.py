"""What is stored over time in all clouds or of one disk, where that leads, and when a limit is
reached.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from backups.analysis import growth
from backups.analysis.chains import MOST_BACKUPS, Chain
from backups.analysis.facts import Fact
from backups.analysis.growth import (
    LEAST_POINTS,
    Change,
    Jump,
    Point,
    Trend,
    days_until,
    jump,
    points,
    trend,
)
from backups.clouds import quota
from backups.models import Cloud
from backups.vbs.quota import Quota

DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A quota of a cloud, or how many backups a disk may have: `backups`, or `gigabytes` of the
    disks they are of.

    `days` None: no end in sight, or nobody can say; `sentence` tells.
    """

    cloud: str
    what: str
    used: int
    quota: int
    days: float | None
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What is stored at the end of each day of UTC. `sentence` says where it leads, or that nobody
    can say yet.
    """

    points: tuple[Point, ...]
    trend: Trend | None
    jump: Jump | None
    sentence: str
    limits: tuple[Limit, ...]


def of_clouds(now: datetime) -> Growth:
    """All clouds together, with the quotas of each. One query."""
    changed: dict[str, dict[int, Change]] = {}
    quotas: dict[str, Quota] = {}
    days = ("stored_days__day", "stored_days__mb", "stored_days__backups", "stored_days__gb")
    for name, backups, gb, day, *change in Cloud.objects.values_list(
        "name", "quota_backups", "quota_gb", *days
    ):
        quotas[name] = quota.in_force(Cloud(name=name, quota_backups=backups, quota_gb=gb))
        if day is not None:
            changed.setdefault(name, {})[day] = Change(*change)
    return growth_of(changed, quotas, now)


def growth_of(
    changed: Mapping[str, Mapping[int, Change]], quotas: Mapping[str, Quota], now: datetime
) -> Growth:
    """From changes by cloud and day, as `StoredDay` counts days. The limit that is reached first
    comes first.
    """
    limits = [
        _limit(cloud, what, most, values, f"of {most:,} {what} of {cloud} are used")
        for cloud, given in quotas.items()
        for what, most, values in _quotas(given, _points([changed.get(cloud, {})], now))
        if most is not None
    ]
    return _growth(_points(list(changed.values()), now), limits)


def growth_of_volume(
    cloud: str, chains: Iterable[Chain], facts: Sequence[Fact], now: datetime
) -> Growth:
    """A disk may have 20 backups (API.md §5); those that are tracked are counted."""
    changed = {day.toordinal(): one for day, one in growth.changes(chains, facts, now).items()}
    found = _points([changed], now)
    values = [(one.day, one.backups) for one in found]
    head = f"of at most {MOST_BACKUPS} backups of a disk are known"
    return _growth(found, [_limit(cloud, "backups", MOST_BACKUPS, values, head)])


def _growth(found: Sequence[Point], limits: Sequence[Limit]) -> Growth:
    line, odd = trend([(point.day, point.mb) for point in found]), jump(found)
    first = sorted(limits, key=lambda one: (one.days is None, one.days or 0, one.cloud, one.what))
    return Growth(
        points=tuple(found),
        trend=line,
        jump=odd,
        sentence=_sentence(line, odd),
        limits=tuple(first),
    )


def _points(several: Sequence[Mapping[int, Change]], now: datetime) -> list[Point]:
    total: dict[date, Change] = {}
    for changes in several:
        for day, one in changes.items():
            so_far = total.get(date.fromordinal(day), Change())
            both = Change(so_far.mb + one.mb, so_far.backups + one.backups, so_far.gb + one.gb)
            total[date.fromordinal(day)] = both
    today = now.astimezone(UTC).date()
    return points(dict(sorted(total.items())), first=today - timedelta(days=DAYS - 1), last=today)


Values = list[tuple[date, int]]


def _quotas(given: Quota, found: Sequence[Point]) -> tuple[tuple[str, int | None, Values], ...]:
    return (
        ("backups", given.backups, [(one.day, one.backups) for one in found]),
        ("gigabytes", given.gigabytes, [(one.day, one.gb) for one in found]),
    )


def _limit(cloud: str, what: str, most: int, values: Values, head: str) -> Limit:
    used = values[-1][1] if values else 0
    days = days_until(most, used, trend(values))
    sentence = f"{used:,} {head}{_rest(days, few=len(values) < LEAST_POINTS)}"
    return Limit(cloud=cloud, what=what, used=used, quota=most, days=days, sentence=sentence)


def _rest(days: float | None, *, few: bool) -> str:
    if days == 0:
        return ": there is no room for more."
    if days is not None:
        return (
            f"; at this pace the rest lasts about {days:,.0f} day{'s' if round(days) != 1 else ''}."
        )
    return "; not enough data to say how long the rest lasts." if few else "; no end is in sight."


def _sentence(line: Trend | None, odd: Jump | None) -> str:
    if line is None:
        return "Not enough data: a trend needs three days."
    by = f"{abs(line.slope):,.0f} ± {line.margin:,.0f} MB a day"
    if not line.is_sure:
        text = f"Neither growing nor shrinking for sure: {by}."
    else:
        text = f"{'Growing' if line.slope > 0 else 'Shrinking'} by {by}."
    return f"{text} {odd.sentence}" if odd else text
