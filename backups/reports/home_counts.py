"""Counts of the home page and of `/api/summary/`, each by a query of its own that an index answers.

Of the tracking states only those that are few are counted, the fresh backups being the rest:
grouping all backups by a CASE takes three times as long as the whole page may.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import BooleanField, Case, Count, F, Min, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from backups.analysis.growth import Change
from backups.analysis.outcomes import OutcomeCounts, quarter_hour
from backups.models import Access, Backup, Cloud, OutcomeBucket, StoredDay, Volume
from backups.models.backup import BackupQuerySet
from backups.models.columns import CodePointText, UnindexedInSQLite, unindexed
from backups.models.volume import VolumeQuerySet
from backups.reports.growth import changes_by_cloud


@dataclass(frozen=True)
class VolumeCount:
    """The volumes of one cloud with one protection, whose newest tries failed by one cause, or did
    not fail.

    `since`: when the first of them became overdue; a volume that never had a good backup counts
    from when it was first seen.
    """

    cloud: str
    protection: str
    count: int
    since: datetime | None
    failing_cause: str | None
    failing_since: datetime | None
    chain_size_mb: int


@dataclass(frozen=True)
class DoubleCount:
    """Backups of a cloud that are counted under another service of the same project: with one
    status, of one state of tracking.
    """

    cloud: str
    status: str | None
    gone: bool
    pending: bool
    stale: bool
    count: int


@dataclass(frozen=True, kw_only=True)
class HomeCounts:
    backups_by_status: dict[str | None, int]
    gone: int
    pending: int
    stale_by_cloud: dict[str, int]
    volumes: list[VolumeCount]
    outcomes: dict[int, OutcomeCounts]  # by quarter of an hour
    stored: dict[str, dict[date, Change]]  # by cloud and day

    @property
    def total(self) -> int:
        return sum(self.backups_by_status.values())

    @property
    def by_tracking_state(self) -> dict[str, int]:
        """Returns only states that at least one backup is in."""
        stale = sum(self.stale_by_cloud.values())
        # Other processes may write between two of the queries, so the rest may seem to be negative.
        fresh = max(0, self.total - self.gone - self.pending - stale)
        counts = {
            "pending": self.pending,
            "fresh": fresh,
            "stale": stale,
            "gone": self.gone,
        }
        return {state: count for state, count in counts.items() if count}

    @property
    def by_protection(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for group in self.volumes:
            counts[group.protection] = counts.get(group.protection, 0) + group.count
        return counts

    @property
    def chain_size_mb(self) -> int:
        return sum(group.chain_size_mb for group in self.volumes)


def count(
    now: datetime, *, access: Access, clouds: Sequence[Cloud], first_quarter_hour: int
) -> HomeCounts:
    """Counts what is in `clouds`, which are all that the reader may see; each backup once.

    No index that answers one of the counts knows which backups are doubles: they are counted by
    themselves and taken off.
    """
    backups = Backup.objects.visible_to(access).order_by()
    not_gone = backups.filter(gone_at__isnull=True)
    doubles = count_doubles(backups.doubles(access), clouds, now)
    buckets = OutcomeBucket.objects.visible_to(access)
    buckets = buckets.filter(quarter_hour__gte=first_quarter_hour)
    return HomeCounts(
        backups_by_status=_count_by_status(backups, doubles),
        gone=_without(backups.filter(gone_at__isnull=False).count(), doubles, "gone"),
        pending=_without(not_gone.filter(refreshed_at__isnull=True).count(), doubles, "pending"),
        stale_by_cloud=stale_counted(count_stale(not_gone, clouds, now), doubles),
        volumes=count_volumes(Volume.objects.visible_to(access).counted(access), now),
        outcomes=_count_outcomes(buckets, clouds, now),
        stored=changes_by_cloud(StoredDay.objects.visible_to(access)),
    )


def count_doubles(
    doubles: BackupQuerySet, clouds: Sequence[Cloud], now: datetime
) -> list[DoubleCount]:
    """Counts them by all that the home page counts backups by; one query."""
    silent = [cloud.name for cloud in clouds if not cloud.is_heard(now)]
    there = Q(gone_at__isnull=True)
    is_old = Q(stale_at__lte=now) | Q(stale_at__isnull=False, cloud__in=silent)
    # The indexes that hold rows by cloud or status are the slow way to these few.
    rows: Any = doubles.annotate(
        of_cloud=UnindexedInSQLite(F("cloud"), output_field=CodePointText()),
        of_status=UnindexedInSQLite(F("status"), output_field=CodePointText()),
        is_gone=_flag(~there),
        is_pending=_flag(there & Q(refreshed_at__isnull=True)),
        is_stale=_flag(there & is_old),
    )
    groups = rows.values_list("of_cloud", "of_status", "is_gone", "is_pending", "is_stale")
    return [DoubleCount(*row) for row in groups.annotate(Count("pk"))]


def stale_counted(
    stale_by_cloud: Mapping[str, int], doubles: Sequence[DoubleCount]
) -> dict[str, int]:
    """Takes the doubles off what `count_stale` counted."""
    counts = dict(stale_by_cloud)
    for group in doubles:
        if group.stale and group.cloud in counts:
            counts[group.cloud] = max(0, counts[group.cloud] - group.count)
    return {cloud: count for cloud, count in counts.items() if count}


def _flag(condition: Q) -> Case:
    return Case(
        When(condition, then=Value(True)), default=Value(False), output_field=BooleanField()
    )


def _without(count: int, doubles: Sequence[DoubleCount], state: str) -> int:
    """Takes the doubles of a state off a count; others may write between the two queries."""
    for group in doubles:
        if getattr(group, state):
            count -= group.count
    return max(0, count)


def _count_by_status(
    backups: BackupQuerySet, doubles: Sequence[DoubleCount]
) -> dict[str | None, int]:
    counts = dict(backups.values_list("status").annotate(Count("pk")))
    for group in doubles:
        counts[group.status] = max(0, counts.get(group.status, 0) - group.count)
    return {status: count for status, count in counts.items() if count}


def count_stale(not_gone: BackupQuerySet, clouds: Sequence[Cloud], now: datetime) -> dict[str, int]:
    """Counts by cloud what is known of backups but old; in a cloud that is silent that is all.

    Backups that no cloud has answered for have no `stale_at`: they are pending. The column `cloud`
    is not asked for as such, because its index is the slow way to these few rows.
    """
    silent = [cloud.name for cloud in clouds if not cloud.is_heard(now)]
    is_stale = Q(stale_at__lte=now)
    if silent:
        is_stale |= Q(stale_at__isnull=False, cloud_name__in=silent)
    stale = not_gone.annotate(cloud_name=unindexed("cloud")).filter(is_stale)
    return dict(stale.values_list("cloud_name").annotate(Count("pk")))


def count_volumes(volumes: VolumeQuerySet, now: datetime) -> list[VolumeCount]:
    """Counts them by cloud, protection and the cause by which their newest tries failed."""
    rows: Any = volumes.with_protection(now).order_by()
    groups = rows.values("cloud", "protection", "failing_cause").annotate(
        count=Count("pk"),
        since=Min(Coalesce("overdue_at", "first_seen_at")),
        first_failed_at=Min("failing_since"),
        mb=Sum("chain_size_mb", default=0),
    )
    counts: list[VolumeCount] = []
    for row in groups:
        mb = int(row["mb"])  # PostgreSQL gives a Decimal
        counts.append(
            VolumeCount(
                cloud=row["cloud"],
                protection=row["protection"],
                count=row["count"],
                since=row["since"],
                failing_cause=row["failing_cause"],
                failing_since=row["first_failed_at"],
                chain_size_mb=mb,
            )
        )
    return counts


def _count_outcomes(
    buckets: QuerySet[OutcomeBucket], clouds: Sequence[Cloud], now: datetime
) -> dict[int, OutcomeCounts]:
    """Counts by quarter of an hour what came of backups.

    A backup was only missed where the cloud's list of backups was read later: until then
    it may be there.
    """
    is_proven = Q(pk__in=[])
    for cloud in clouds:
        if cloud.backups_listed_at is not None:
            proven_until = quarter_hour(min(cloud.backups_listed_at, now))
            is_proven |= Q(cloud=cloud.name, counts_from__lte=proven_until)
    rows = (
        buckets.order_by()
        .values("quarter_hour")
        .annotate(
            total_good=Sum("good"),
            total_failed=Sum("failed"),
            total_missed=Sum("missed", filter=is_proven, default=0),
        )
    )
    counts: dict[int, OutcomeCounts] = {}
    for row in rows:
        counts[row["quarter_hour"]] = OutcomeCounts(
            good=int(row["total_good"]),
            failed=int(row["total_failed"]),
            missed=int(row["total_missed"]),
        )
    return counts
