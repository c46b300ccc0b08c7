"""What is stored over time in all clouds or of one volume, where that leads, and when
a limit is reached.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from django.db.models import QuerySet

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
    trend,
)
from backups.analysis.numbers import thousands
from backups.analysis.sizes import MB_PER_GB, in_unit, size, unit_for
from backups.clouds import quota
from backups.models import Access, Cloud, StoredDay
from backups.vbs.quota import Quota

DAYS = 30
_FURTHEST_END_DAYS = 3650


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A quota of a cloud, or how many backups a volume may have. `what`: `backups`, or `gigabytes`
    of the volumes that they are of.

    `used` is what is known here, `told` what the cloud counts, None where it does not tell. `days`
    and `ends_on` None: no end in sight, or nobody can say; `sentence` tells.
    """

    cloud: str
    what: str
    used: int
    told: int | None
    quota: int
    days: float | None
    ends_on: date | None
    sentence: str

    @property
    def percent(self) -> int:
        """Returns how much of it is used, as far as anybody knows, from 0 to 100."""
        if self.quota == 0:
            return 100
        return min(100, round(100 * max(self.used, self.told or 0) / self.quota))


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


def of_clouds(now: datetime, *, access: Access, days: int = DAYS) -> Growth:
    """Returns the growth of all clouds that the reader may see together, with the quotas of each,
    in two queries. `days`: so many are shown; where they lead is told by the last 30.
    """
    quotas = quotas_of(Cloud.objects.visible_to(access))
    changes = changes_by_cloud(StoredDay.objects.visible_to(access))
    shown = _points(changes.values(), now, days)
    return replace(growth_of(changes, quotas, now), points=tuple(shown))


def quotas_of(clouds: Iterable[Cloud]) -> dict[str, Quota]:
    return {cloud.name: quota.in_force(cloud) for cloud in clouds}


def changes_by_cloud(stored_days: QuerySet[StoredDay]) -> dict[str, dict[date, Change]]:
    """Returns the changes by cloud and day."""
    changes: dict[str, dict[date, Change]] = {}
    for cloud, ordinal, *change in stored_days.values_list("cloud", "day", "mb", "backups", "gb"):
        changes.setdefault(cloud, {})[date.fromordinal(ordinal)] = Change(*change)
    return changes


def growth_of(
    changes: Mapping[str, Mapping[date, Change]], quotas: Mapping[str, Quota], now: datetime
) -> Growth:
    """Returns the growth of several clouds from their `changes_by_cloud`. The limit that is reached
    first comes first.
    """
    limits: list[Limit] = []
    for cloud, quota_of_cloud in quotas.items():
        points = _points([changes.get(cloud, {})], now)
        most_backups = quota_of_cloud.backups
        if most_backups is not None:
            used = _series(points, "backups")
            head = f"Of {thousands(most_backups)} backups that {cloud} allows"
            told = quota_of_cloud.used_backups
            limits.append(_limit(cloud, "backups", most_backups, used, head, told=told))
        most_gb = quota_of_cloud.gigabytes
        if most_gb is not None:
            used = _series(points, "gb")
            head = f"Of {size(most_gb * MB_PER_GB)} that {cloud} allows"
            told = quota_of_cloud.used_gigabytes
            limits.append(_limit(cloud, "gigabytes", most_gb, used, head, told=told))
    return _growth(_points(changes.values(), now), limits)


def growth_of_volume(
    cloud: str, chains: Iterable[Chain], facts: Sequence[Fact], now: datetime
) -> Growth:
    """A volume may have 20 backups (API.md §5); those that are tracked are counted."""
    changes = growth.changes(chains, facts, now)
    points = _points([changes], now)
    used = _series(points, "backups")
    head = f"Of at most {MOST_BACKUPS} backups of a disk"
    return _growth(points, [_limit(cloud, "backups", MOST_BACKUPS, used, head)])


def _growth(points: Sequence[Point], limits: Sequence[Limit]) -> Growth:
    line = trend(_series(points, "mb"))
    last_jump = jump(points)
    return Growth(
        points=tuple(points),
        trend=line,
        jump=last_jump,
        sentence=_sentence(line, last_jump),
        limits=tuple(sorted(limits, key=_urgency)),
    )


def _urgency(limit: Limit) -> tuple[bool, float, str, str]:
    return limit.days is None, limit.days or 0, limit.cloud, limit.what


def _points(
    changes: Iterable[Mapping[date, Change]], now: datetime, days: int = DAYS
) -> list[Point]:
    """Returns the points of the last days from changes by day, those of several clouds added."""
    total: dict[date, Change] = {}
    for changes_by_day in changes:
        for day, change in changes_by_day.items():
            total[day] = total.get(day, Change()).plus(change)
    today = now.astimezone(UTC).date()
    return growth.points(total, first=today - timedelta(days=days - 1), last=today)


def _series(
    points: Sequence[Point], field: Literal["mb", "backups", "gb"]
) -> list[tuple[date, int]]:
    """Returns one number of each day."""
    return [(point.day, getattr(point, field)) for point in points]


def _limit(
    cloud: str,
    what: str,
    most: int,
    values: Sequence[tuple[date, int]],
    head: str,
    *,
    told: int | None = None,
) -> Limit:
    """`values`: how much was used at the end of each day, of what is tracked: the cloud may have
    more, which `told` says, at most a day old; `head`: how the sentence begins before the number
    that is used now.
    """
    used = values[-1][1] if values else 0
    days = days_until(most, max(used, told or 0), trend(values))
    all_of_it = "if these are all, " if told is None else ""
    if days == 0:
        end = ": there is no room for more."
    elif days is not None:
        plural = "" if round(days) == 1 else "s"
        length = f"{thousands(days, decimals=0)} day{plural}"
        end = f"; {all_of_it}the rest lasts about {length} at this pace."
    elif len(values) < LEAST_POINTS:
        end = "; not enough data to say how long the rest lasts."
    else:
        end = "; no end is in sight."
    known = f"{_amount(what, used)} are known here"
    if told is not None:
        known = f"the cloud counts {_amount(what, told)}, {known}"
    return Limit(
        cloud=cloud,
        what=what,
        used=used,
        told=told,
        quota=most,
        days=days,
        ends_on=_end(values, days),
        sentence=f"{head}, {known}{end}",
    )


def _amount(what: str, number: int) -> str:
    return size(number * MB_PER_GB) if what == "gigabytes" else thousands(number)


def _end(values: Sequence[tuple[date, int]], days: float | None) -> date | None:
    """Returns the day on which a limit is reached; None where that is now, or further away than
    anybody plans.
    """
    if not days or days > _FURTHEST_END_DAYS:
        return None
    last_day = values[-1][0]
    return last_day + timedelta(days=round(days))


def _sentence(line: Trend | None, last_jump: Jump | None) -> str:
    if line is None:
        return "Not enough data: a trend needs three days."
    unit = unit_for(max(abs(line.slope), line.margin))
    slope = in_unit(round(abs(line.slope)), unit)
    margin = in_unit(round(line.margin), unit)
    by = f"{slope} ± {margin} {unit.name} a day"
    if not line.is_sure:
        sentence = f"Neither growing nor shrinking for sure: {by}."
    elif line.slope > 0:
        sentence = f"Growing by {by}."
    else:
        sentence = f"Shrinking by {by}."
    return f"{sentence} {last_jump.sentence}" if last_jump else sentence
