"""What is stored over time in all clouds, where that leads, and when a quota is used up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from backups.analysis.growth import Change, Jump, Point, Trend, days_until, jump, points, trend
from backups.vbs.quota import Quota

DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A quota of a cloud: `backups` or `gigabytes` of the disks that they are of. `days` None: no end in sight."""

    cloud: str
    what: str
    used: int
    quota: int
    days: float | None
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What is stored at the end of each day of UTC. `sentence` says where it leads, or that nobody can say yet."""

    points: tuple[Point, ...]
    trend: Trend | None
    jump: Jump | None
    sentence: str
    limits: tuple[Limit, ...]


def growth_of(changed: Mapping[str, Mapping[int, Change]], quotas: Mapping[str, Quota], now: datetime) -> Growth:
    """From changes by cloud and day, as `StoredDay` counts days. The limit that is reached first comes first."""
    found = _points([changed[cloud] for cloud in changed], now)
    line, odd = trend([(point.day, point.mb) for point in found]), jump(found)
    limits = [
        limit
        for cloud, quota in quotas.items()
        for limit in _limits(cloud, quota, _points([changed.get(cloud, {})], now))
    ]
    limits.sort(key=lambda one: (one.days is None, one.days or 0, one.cloud, one.what))
    return Growth(points=tuple(found), trend=line, jump=odd, sentence=_sentence(line, odd), limits=tuple(limits))


def _points(several: list[Mapping[int, Change]], now: datetime) -> list[Point]:
    total: dict[date, Change] = {}
    for changes in several:
        for day, one in changes.items():
            so_far = total.get(date.fromordinal(day), Change())
            both = Change(so_far.mb + one.mb, so_far.backups + one.backups, so_far.gb + one.gb)
            total[date.fromordinal(day)] = both
    today = now.astimezone(UTC).date()
    return points(dict(sorted(total.items())), first=today - timedelta(days=DAYS - 1), last=today)


def _limits(cloud: str, quota: Quota, found: list[Point]) -> list[Limit]:
    limits = []
    for what, limit, values in (
        ("backups", quota.backups, [(one.day, one.backups) for one in found]),
        ("gigabytes", quota.gigabytes, [(one.day, one.gb) for one in found]),
    ):
        if limit is not None:
            used = values[-1][1] if values else 0
            days = days_until(limit, used, trend(values))
            sentence = _reached(cloud, what, used, limit, days, few=len(values) < 3)
            limits.append(Limit(cloud=cloud, what=what, used=used, quota=limit, days=days, sentence=sentence))
    return limits


def _reached(cloud: str, what: str, used: int, limit: int, days: float | None, *, few: bool) -> str:
    head = f"{used:,} of {limit:,} {what} of {cloud} are used"
    if days == 0:
        return f"{head}: the quota is used up."
    if days is not None:
        return f"{head}; at this pace the rest lasts about {days:,.0f} days."
    return f"{head}; not enough data to say how long the rest lasts." if few else f"{head}; no end is in sight."


def _sentence(line: Trend | None, odd: Jump | None) -> str:
    if line is None:
        return "Not enough data: a trend needs three days."
    by = f"{abs(line.slope):,.0f} ± {line.margin:,.0f} MB a day"
    if not line.is_sure:
        text = f"Neither growing nor shrinking for sure: {by}."
    else:
        text = f"{'Growing' if line.slope > 0 else 'Shrinking'} by {by}."
    return f"{text} {odd.sentence}" if odd else text
