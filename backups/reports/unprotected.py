"""The volumes that are overdue or have no good backup at all, each judged as its own page does."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db.models import Q
from django.db.models.functions import Coalesce

from backups.analysis import judgement
from backups.analysis.protection import UNPROTECTED
from backups.models import FULL_ACCESS, Access, Cloud, Volume
from backups.reports.home_counts import VolumeCount
from backups.reports.running_backups import RunningState
from backups.reports.volumes import STANDING_COLUMNS, failure_of, standing_of
from backups.vbs.statuses import MAKING

MOST_SINGLE_VOLUMES = 10  # more volumes of one cloud with one protection are not named one by one


@dataclass(frozen=True, kw_only=True)
class UnprotectedVolume:
    """`since`: when it became overdue; when it was first seen if it never had a good backup.
    `failing_cause`: by which its newest try failed, None when that did not fail.
    """

    cloud: str
    volume_id: str
    title: str
    protection: str
    why: str
    next: str
    since: datetime
    last_good_at: datetime | None
    failing_since: datetime | None
    failing_cause: str | None


def crowds(counts: Sequence[VolumeCount]) -> dict[str, list[str]]:
    """Returns by protection the clouds in which too many volumes have it to name each."""
    totals: dict[tuple[str, str], int] = {}
    for group in counts:
        key = (group.protection, group.cloud)
        totals[key] = totals.get(key, 0) + group.count
    crowded: dict[str, list[str]] = {protection: [] for protection in UNPROTECTED}
    for (protection, cloud), count in totals.items():
        if protection in crowded and count > MOST_SINGLE_VOLUMES:
            crowded[protection].append(cloud)
    return crowded


def unprotected_volumes(
    now: datetime,
    clouds: Collection[Cloud],
    crowded: Mapping[str, Sequence[str]],
    running: Sequence[RunningState],
    *,
    told_by_cloud: bool = False,
) -> list[UnprotectedVolume]:
    """Returns those that are few enough to be named one by one, by their IDs; one query.
    `told_by_cloud`: each is told to whoever may see its own cloud, else to one who may see all of
    these.

    Most volumes are done with by two columns, without the subqueries of the protection.
    """
    may_be_never = Q(last_good_at__isnull=True) & ~Q(cloud__in=crowded["never"])
    may_be_overdue = Q(overdue_at__lte=now) & ~Q(cloud__in=crowded["overdue"])
    open_clouds = FULL_ACCESS.within(frozenset(cloud.name for cloud in clouds))
    volumes: Any = Volume.objects.counted(open_clouds).with_protection(now).order_by()
    rows = volumes.filter(
        may_be_never | may_be_overdue, cloud__in=clouds, protection__in=UNPROTECTED
    )
    since = Coalesce("overdue_at", "first_seen_at")
    begun_at = _newest_begun(running)
    selected = rows.values(*STANDING_COLUMNS, since=since)
    unprotected: list[UnprotectedVolume] = []
    for row in selected:
        access = FULL_ACCESS.within(frozenset([row["cloud"]])) if told_by_cloud else open_clouds
        unprotected.append(_unprotected_volume(row, begun_at, now, access))
    unprotected.sort(key=attrgetter("cloud", "volume_id"))
    return unprotected


def _newest_begun(running: Sequence[RunningState]) -> dict[tuple[str, str], datetime]:
    """Returns by volume when the newest backup was begun that is being made now."""
    begun_at: dict[tuple[str, str], datetime] = {}
    for backup in running:
        if backup.status not in MAKING or backup.volume_id is None or backup.since is None:
            continue
        key = (backup.cloud, backup.volume_id)
        begun_at[key] = max(backup.since, begun_at.get(key, backup.since))
    return begun_at


def _unprotected_volume(
    row: Mapping[str, Any],
    begun_at: Mapping[tuple[str, str], datetime],
    now: datetime,
    access: Access,
) -> UnprotectedVolume:
    standing = standing_of(row, access)
    begun = begun_at.get((row["cloud"], row["volume_id"]))
    is_running = begun is not None and (standing.good_at is None or begun > standing.good_at)
    failure = failure_of(row, access)
    judged = judgement.judge(replace(standing, running=is_running), now, failure=failure)
    return UnprotectedVolume(
        cloud=row["cloud"],
        volume_id=row["volume_id"],
        title=row["label"] or row["name"] or row["volume_id"],
        protection=row["protection"],
        why=judged.why,
        next=judged.next,
        since=row["since"],
        last_good_at=row["last_good_at"],
        failing_since=row["failing_since"] if failure else None,
        failing_cause=row["failing_cause"] if failure else None,
    )
