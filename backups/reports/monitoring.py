"""Numbers for monitoring, in few queries over any number of rows. Nothing here asks a cloud."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Sum

from backups.analysis.protection import OUTSIDE
from backups.models import Backup, Heartbeat, Volume
from backups.vbs.statuses import FAILED, IN_FLIGHT


@dataclass(frozen=True)
class BackupFigures:
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
    """Backups of a cloud that are being made, restored or deleted; `oldest_at` is when the oldest
    was begun.
    """

    cloud: str
    count: int
    oldest_at: datetime | None


@dataclass(frozen=True)
class VolumeFigures:
    """One disk; `last_was_good` is None while no backup of it has ended. Deleted and exempt ones
    are left out.
    """

    cloud: str
    volume_id: str
    title: str
    protection: str
    last_good_at: datetime | None
    last_was_good: bool | None


def backups(now: datetime) -> list[BackupFigures]:
    """All of them in one walk over the table."""
    rows: Any = Backup.objects.with_tracking_state(now).order_by()
    found = rows.values("cloud", "status", "tracking_state").annotate(
        n=Count("pk"), newest=Max("created_at")
    )
    return [
        BackupFigures(row["cloud"], row["status"], row["tracking_state"], row["n"], row["newest"])
        for row in found
    ]


def in_flight() -> list[InFlightCount]:
    rows = Backup.objects.filter(status__in=IN_FLIGHT, gone_at=None).order_by().values("cloud")
    found = rows.annotate(n=Count("pk"), oldest=Min("created_at"))
    return [InFlightCount(row["cloud"], row["n"], row["oldest"]) for row in found]


def by_protection(now: datetime) -> list[tuple[str, str, int]]:
    """Cloud, protection and how many disks."""
    rows: Any = Volume.objects.with_protection(now).order_by()
    rows = rows.values_list("cloud", "protection")
    return list(rows.annotate(n=Count("pk")))


def chain_sizes() -> dict[str, int]:
    """MB of stored data by cloud: the newest size of every chain."""
    rows = Volume.objects.order_by().values_list("cloud").annotate(mb=Sum("chain_size_mb"))
    return {cloud: mb for cloud, mb in rows if mb is not None}


def heartbeats() -> dict[str, datetime]:
    return dict(Heartbeat.objects.values_list("part", "at"))


def volumes(now: datetime) -> Iterator[VolumeFigures]:
    """Every disk that counts, in two queries."""
    failed = Backup.objects.filter(status__in=FAILED).order_by().values_list("cloud", "volume_id")
    failures = {
        (cloud, volume_id): at for cloud, volume_id, at in failed.annotate(at=Max("created_at"))
    }
    rows: Any = Volume.objects.with_protection(now)
    rows = rows.exclude(protection__in=OUTSIDE).order_by("cloud", "volume_id")
    words = (
        "cloud",
        "volume_id",
        "label",
        "name",
        "protection",
        "last_good_at",
        "last_good__created_at",
    )
    for cloud, volume_id, label, name, protection, last_good_at, made_at in rows.values_list(
        *words
    ):
        was_good = _was_good(made_at, failures.get((cloud, volume_id)))
        yield VolumeFigures(
            cloud, volume_id, label or name or "", protection, last_good_at, was_good
        )


def _was_good(good: datetime | None, bad: datetime | None) -> bool | None:
    if good is None or bad is None:
        return None if good is bad else good is not None
    return good >= bad
