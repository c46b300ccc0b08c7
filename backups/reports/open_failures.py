"""Failures that nobody is done with, by cloud, state and cause: each with its newest backups."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, F, Min, Q, UUIDField, When, Window
from django.db.models.functions import RowNumber

from backups.models import FULL_ACCESS, Backup
from backups.models.backup import happened_at, is_counted
from backups.models.columns import CodePointText, unindexed
from backups.models.volume import shown_name
from backups.query.groups import unresolved

NEWEST_NAMED = 10  # of each cause; `count` says how many there are


@dataclass(frozen=True, kw_only=True)
class FailedBackup:
    """`request_id`: of the last call about it that failed; `known_at`: of the last good answer."""

    id: uuid.UUID
    name: str | None
    volume_id: str | None
    fail_reason: str | None
    job_id: str | None
    request_id: str | None
    at: datetime
    known_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class OpenFailures:
    """Backups of one cloud that failed in one way by one cause. `since`: the first of them was made
    then. `newest`: the newest first, at least one.
    """

    cloud: str
    status: str
    cause: str
    count: int
    since: datetime
    newest: tuple[FailedBackup, ...]


def open_failures(now: datetime, cloud_names: Collection[str]) -> list[OpenFailures]:
    """Returns those of these clouds, which are all open to the reader; one query.

    The reason is that of the newest backup: the text that is stored of a cause is of the backup
    that had it first, in whatever cloud. The column `cloud` is not asked for as such, because its
    index is the slow way to the few that failed.
    """
    backups: Any = Backup.objects.annotate(cloud_name=unindexed("cloud"), at=happened_at(now))
    backups = backups.filter(
        unresolved(now), _is_counted(cloud_names), cause__isnull=False, cloud_name__in=cloud_names
    )
    group = [F("cloud_name"), F("status"), F("cause")]
    placed = backups.annotate(
        place=Window(RowNumber(), partition_by=group, order_by=(F("at").desc(), F("pk"))),
        count=Window(Count("pk"), partition_by=group),
        since=Window(Min("at"), partition_by=group),
    )
    rows = placed.filter(place__lte=NEWEST_NAMED).order_by("cloud_name", "status", "cause", "place")
    newest: dict[tuple[str, str, str], list[FailedBackup]] = {}
    sums: dict[tuple[str, str, str], tuple[int, datetime]] = {}
    columns = ("id", "name", "volume_id", "fail_reason", "job_id", "error", "at", "refreshed_at")
    for row in rows.values("cloud_name", "status", "cause", "count", "since", *columns):
        key = (row["cloud_name"], row["status"], row["cause"])
        sums[key] = (row["count"], row["since"])
        newest.setdefault(key, []).append(_failed_backup(row))
    failures = []
    for key, (count, since) in sums.items():
        cloud, status, cause = key
        failures.append(
            OpenFailures(
                cloud=cloud,
                status=status,
                cause=cause,
                count=count,
                since=since,
                newest=tuple(newest[key]),
            )
        )
    return failures


def _is_counted(cloud_names: Collection[str]) -> Q:
    """Returns the condition of backups that none of these clouds shows under another row."""
    return is_counted(FULL_ACCESS.within(frozenset(cloud_names)))


@dataclass(frozen=True, kw_only=True)
class FailingSubject:
    """A disk whose backups fail, or a backup that could not be made of an unknown disk, restored or
    deleted: its failures that nobody is done with, the newest one, and since when. `title`: what a
    person calls the disk, None where there is none.
    """

    cloud: str
    status: str
    subject: str
    title: str | None
    count: int
    since: datetime
    newest: FailedBackup


def failing_subjects(now: datetime, cloud_names: Collection[str]) -> list[FailingSubject]:
    """Returns those of these clouds; one query."""
    of_volume = When(status="error", volume_id__isnull=False, then=F("volume_id"))
    backups: Any = Backup.objects.annotate(
        cloud_name=unindexed("cloud"),
        at=happened_at(now),
        disk=Case(of_volume, default=None, output_field=CodePointText()),
    )
    backups = backups.filter(
        unresolved(now), _is_counted(cloud_names), cause__isnull=False, cloud_name__in=cloud_names
    )
    # Where there is no disk, each backup is a group of its own.
    alone = Case(When(disk__isnull=True, then=F("id")), default=None, output_field=UUIDField())
    group: list[Any] = [F("cloud_name"), F("status"), F("disk"), alone]
    placed = backups.annotate(
        place=Window(RowNumber(), partition_by=group, order_by=(F("at").desc(), F("pk"))),
        count=Window(Count("pk"), partition_by=group),
        since=Window(Min("at"), partition_by=group),
        disk_title=shown_name("volume__"),
    )
    columns = ("id", "name", "volume_id", "fail_reason", "job_id", "error", "at", "refreshed_at")
    rows = placed.filter(place=1).order_by("cloud_name", "status", "pk")
    selected = rows.values("cloud_name", "status", "disk", "disk_title", "count", "since", *columns)
    return [_failing_subject(row) for row in selected]


def _failing_subject(row: dict[str, Any]) -> FailingSubject:
    disk = row["disk"]
    return FailingSubject(
        cloud=row["cloud_name"],
        status=row["status"],
        subject=disk or str(row["id"]),
        title=(row["disk_title"] or disk) if disk else None,
        count=row["count"],
        since=row["since"],
        newest=_failed_backup(row),
    )


def _failed_backup(row: dict[str, Any]) -> FailedBackup:
    return FailedBackup(
        id=row["id"],
        name=row["name"],
        volume_id=row["volume_id"],
        fail_reason=row["fail_reason"],
        job_id=row["job_id"],
        request_id=(row["error"] or {}).get("request_id"),
        at=row["at"],
        known_at=row["refreshed_at"],
    )
