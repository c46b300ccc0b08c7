"""Counts for monitoring of the clouds that the asker may see, in few queries over any number of
rows. Nothing here asks a cloud.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q, Sum

from backups.analysis.protection import OUTSIDE
from backups.analysis.runs import WINDOW
from backups.models import Access, Backup, Heartbeat, Policy, Run, Volume
from backups.models.policy import has_ended
from backups.models.volume import read_lately
from backups.shared.heartbeat import OUTWARD
from backups.vbs.statuses import FAILED, IN_FLIGHT


@dataclass(frozen=True)
class BackupCount:
    """The backups of one cloud with one status and tracking state; `newest_at`: when the newest of
    them was made.
    """

    cloud: str
    status: str | None
    tracking_state: str
    count: int
    newest_at: datetime | None


@dataclass(frozen=True)
class InFlightCount:
    """Backups of a cloud that are being made, restored or deleted; `oldest_at` is when
    the oldest was begun.
    """

    cloud: str
    count: int
    oldest_at: datetime | None


@dataclass(frozen=True)
class ProtectionCount:
    """The volumes of one cloud with one protection."""

    cloud: str
    protection: str
    count: int


@dataclass(frozen=True)
class ScheduleCount:
    """The volumes of one cloud with one word of a schedule, of those that are to be protected."""

    cloud: str
    schedule: str
    count: int


@dataclass
class PolicyRuns:
    """Promised runs of a policy by outcome, one for each volume. `ended`: since it is known, those
    whose outcome stays. `last_day`: of the last day, also those that are open.

    `enabled` None: it is not known now. `title` is its name, with its ID where another one of its
    cloud has or had that name too.
    """

    cloud: str
    title: str
    enabled: bool | None
    is_standing: bool
    ended: Counter[str]
    last_day: Counter[str]


@dataclass(frozen=True)
class MonitoredVolume:
    """One volume; `last_was_good` is None while no backup of it has ended."""

    cloud: str
    volume_id: str
    title: str
    protection: str
    last_good_at: datetime | None
    last_was_good: bool | None
    schedule: str


def backups(now: datetime, *, access: Access) -> list[BackupCount]:
    """Counts all of them in one walk over the table."""
    backups = Backup.objects.visible_to(access).counted(access)
    rows: Any = backups.with_tracking_state(now).order_by()
    groups = rows.values_list("cloud", "status", "tracking_state")
    return [BackupCount(*row) for row in groups.annotate(Count("pk"), Max("created_at"))]


def in_flight(*, access: Access) -> list[InFlightCount]:
    backups = Backup.objects.visible_to(access).counted(access)
    backups = backups.filter(status__in=IN_FLIGHT, gone_at=None)
    rows = backups.order_by().values_list("cloud").annotate(Count("pk"), Min("created_at"))
    return [InFlightCount(*row) for row in rows]


def by_protection(now: datetime, *, access: Access) -> list[ProtectionCount]:
    counted = Volume.objects.visible_to(access).counted(access)
    volumes: Any = counted.with_protection(now).order_by()
    rows = volumes.values_list("cloud", "protection").annotate(Count("pk"))
    return [ProtectionCount(*row) for row in rows]


def by_schedule(now: datetime, *, access: Access) -> list[ScheduleCount]:
    counted = Volume.objects.visible_to(access).counted(access).expected(now)
    volumes: Any = counted.with_schedule(now).order_by()
    rows = volumes.values_list("cloud", "schedule").annotate(Count("pk"))
    return [ScheduleCount(*row) for row in rows]


def policies(now: datetime, *, access: Access) -> list[PolicyRuns]:
    """Counts the runs of every policy, in four queries, of which an index answers the large one.

    Those that are stored with two rows of a volume are the same runs, and taken off.
    """
    rows = list(Policy.objects.visible_to(access).order_by("cloud", "policy_id"))
    heard = set(read_lately(now).values_list("name", flat=True))
    named = Counter((row.cloud_id, row.name) for row in rows)
    by_pk: dict[int, PolicyRuns] = {}
    for row in rows:
        is_alone = bool(row.name) and named[row.cloud_id, row.name] == 1
        by_pk[row.pk] = PolicyRuns(
            cloud=row.cloud_id,
            title=str(row) if is_alone or not row.name else f"{row.name} ({row.policy_id})",
            enabled=row.enabled if row.cloud_id in heard else None,
            is_standing=row.deleted_at is None,
            ended=Counter(row.pruned_runs),
            last_day=Counter(),
        )
    runs = Run.objects.visible_to(access)
    for sign, of_volumes in ((1, runs), (-1, runs.doubles())):
        for policy, outcome, ended, last_day in _counts(of_volumes, now):
            by_pk[policy].ended[outcome] += sign * ended
            by_pk[policy].last_day[outcome] += sign * last_day
    return list(by_pk.values())


def _counts(runs: Any, now: datetime) -> list[tuple[int, str, int, int]]:
    """Counts runs by policy and outcome: those that have ended, and those of the last day."""
    in_last_day = Q(slot_at__gt=now - WINDOW, slot_at__lte=now)
    counted = runs.order_by().values_list("policy", "outcome")
    counts = counted.annotate(
        ended=Count("pk", filter=has_ended(now)), last_day=Count("pk", filter=in_last_day)
    )
    return list(counts)


def chain_sizes(*, access: Access) -> dict[str, int]:
    """Returns MB of stored data by cloud: the newest size of every chain."""
    volumes = Volume.objects.visible_to(access).counted(access)
    volumes = volumes.filter(chain_size_mb__isnull=False)
    return dict(volumes.order_by().values_list("cloud").annotate(Sum("chain_size_mb")))


def heartbeats() -> dict[str, datetime]:
    signs = Heartbeat.objects.exclude(part=OUTWARD)
    return dict(signs.values_list("part", "at"))


def volumes(now: datetime, *, access: Access) -> Iterator[MonitoredVolume]:
    """Yields every volume that is neither deleted nor exempt, in two queries."""
    failed = Backup.objects.visible_to(access).filter(status__in=FAILED).order_by()
    last_failures: dict[tuple[str, str | None], datetime | None] = {}
    for cloud, volume_id, failed_at in failed.values_list("cloud", "volume_id").annotate(
        Max("created_at")
    ):
        last_failures[cloud, volume_id] = failed_at
    counted = Volume.objects.visible_to(access).counted(access)
    rows: Any = counted.with_protection(now).with_schedule(now)
    rows = rows.exclude(protection__in=OUTSIDE).order_by("cloud", "volume_id")
    for row in rows.values(
        "cloud",
        "volume_id",
        "label",
        "name",
        "protection",
        "last_good_at",
        "last_good__created_at",
        "schedule",
    ):
        failed_at = last_failures.get((row["cloud"], row["volume_id"]))
        yield MonitoredVolume(
            cloud=row["cloud"],
            volume_id=row["volume_id"],
            title=row["label"] or row["name"] or "",
            protection=row["protection"],
            last_good_at=row["last_good_at"],
            last_was_good=_last_was_good(row["last_good__created_at"], failed_at),
            schedule=row["schedule"],
        )


def _last_was_good(good_at: datetime | None, failed_at: datetime | None) -> bool | None:
    """Returns whether the newer of the last good and the last failed backup is the good one."""
    if good_at is None and failed_at is None:
        return None
    if good_at is None:
        return False
    return failed_at is None or good_at >= failed_at
