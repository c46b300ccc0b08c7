"""Numbers for monitoring, in few queries over any number of rows. Nothing here asks a cloud."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q, Sum

from backups.analysis.protection import OUTSIDE
from backups.models import Backup, CloudCalls, Heartbeat, Volume
from backups.models.backup import FAILED, IN_FLIGHT

GOOD = "available"


@dataclass(frozen=True)
class StatusFigures:
    """The backups of one cloud with one status; `newest_at` is when the newest of them was made."""

    cloud: str
    status: str | None
    count: int
    newest_at: datetime | None


@dataclass(frozen=True)
class FlightFigures:
    """Backups of a cloud that are being made, restored or deleted; `oldest_at` is when the oldest was begun."""

    cloud: str
    count: int
    oldest_at: datetime | None


@dataclass(frozen=True)
class DiskFigures:
    """One disk; `last_was_good` is None while no backup of it has ended. Deleted and exempt ones are left out."""

    cloud: str
    volume_id: str
    title: str
    protection: str
    last_good_at: datetime | None
    last_was_good: bool | None


def by_status() -> list[StatusFigures]:
    rows = Backup.objects.order_by().values("cloud", "status").annotate(n=Count("pk"), newest=Max("created_at"))
    return [StatusFigures(row["cloud"], row["status"], row["n"], row["newest"]) for row in rows]


def by_tracking_state(now: datetime) -> list[tuple[str, str, int]]:
    """Cloud, state and how many."""
    rows: Any = Backup.objects.with_tracking_state(now).order_by()
    rows = rows.values_list("cloud", "tracking_state")
    return list(rows.annotate(n=Count("pk")))


def in_flight() -> list[FlightFigures]:
    rows = Backup.objects.filter(status__in=IN_FLIGHT, gone_at=None).order_by().values("cloud")
    found = rows.annotate(n=Count("pk"), oldest=Min("created_at"))
    return [FlightFigures(row["cloud"], row["n"], row["oldest"]) for row in found]


def by_protection(now: datetime) -> list[tuple[str, str, int]]:
    """Cloud, protection and how many disks."""
    rows: Any = Volume.objects.with_protection(now).order_by()
    rows = rows.values_list("cloud", "protection")
    return list(rows.annotate(n=Count("pk")))


def chain_sizes() -> dict[str, int]:
    """MB of stored data by cloud: the newest size of every chain."""
    rows = Volume.objects.order_by().values_list("cloud").annotate(mb=Sum("chain_size_mb"))
    return {cloud: mb for cloud, mb in rows if mb is not None}


def calls() -> list[tuple[str, str, int]]:
    """Cloud, class ("ok" or that of the error) and how many calls ended so."""
    return list(CloudCalls.objects.order_by("cloud", "class_name").values_list("cloud", "class_name", "n"))


def heartbeats() -> dict[str, datetime]:
    return dict(Heartbeat.objects.values_list("part", "at"))


def disks(now: datetime) -> Iterator[DiskFigures]:
    """Every disk that counts, in two queries."""
    ended = Backup.objects.filter(status__in=[GOOD, *FAILED]).order_by().values_list("cloud", "volume_id")
    last = ended.annotate(good=Max("created_at", filter=Q(status=GOOD)), bad=Max("created_at", filter=~Q(status=GOOD)))
    outcomes = {(cloud, volume_id): _was_good(good, bad) for cloud, volume_id, good, bad in last}
    rows: Any = Volume.objects.with_protection(now)
    rows = rows.exclude(protection__in=OUTSIDE).order_by("cloud", "volume_id")
    words = ("cloud", "volume_id", "label", "name", "protection", "last_good_at")
    for cloud, volume_id, label, name, protection, last_good_at in rows.values_list(*words):
        was_good = outcomes.get((cloud, volume_id))
        yield DiskFigures(cloud, volume_id, label or name or "", protection, last_good_at, was_good)


def _was_good(good: datetime | None, bad: datetime | None) -> bool | None:
    if good is None or bad is None:
        return None if good is bad else good is not None
    return good >= bad
