"""What it means for disks that backups leave a cloud, or move to another one."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import F, QuerySet

from backups.derived.queue import mark
from backups.derived.volumes import forget_backups
from backups.models import Backup, Cloud, Volume
from backups.shared.batches import in_batches
from backups.vbs.kind import vote


def move(ids: Sequence[str], cloud: str, now: datetime) -> dict[str, list[str]]:
    """Under the locks of all their clouds; the disks that these backups left, by cloud, to be
    forgotten after it.
    """
    volumes = volumes_of(ids)
    for batch in in_batches(ids):
        backups = Backup.objects.filter(pk__in=batch)
        _take_votes_along(backups, cloud)
        backups.update(
            cloud=cloud,
            next_refresh_at=now,
            error=None,
            missed_at=None,
            gone_at=None,
            attempted_at=None,
            unlisted_at=None,
        )
    left = by_cloud(volumes)
    arrived = {(cloud, volume_id) for _, volume_id in volumes}
    for name, volume_ids in by_cloud(volumes | arrived).items():
        mark(name, volume_ids, now)
    return left


def _take_votes_along(backups: QuerySet[Backup], cloud: str) -> None:
    """How full backups are told is decided cloud by cloud, by their votes; without a reading all
    are judged again.
    """
    votes = [
        vote(inc=inc, type_=type_) for inc, type_ in backups.order_by().values_list("inc", "type")
    ]
    zero = sum(one.zero for one in votes)
    one = sum(one.one for one in votes)
    if zero or one:
        mine = Cloud.objects.filter(pk=cloud)
        mine.update(
            type_votes_0=F("type_votes_0") + zero,
            type_votes_1=F("type_votes_1") + one,
            type_interpretation=None,
        )


def forget(volumes: Mapping[str, Sequence[str]], now: datetime) -> None:
    for cloud, volume_ids in volumes.items():
        forget_backups(cloud, volume_ids, now)


def volumes_of(ids: Sequence[str]) -> set[tuple[str, str | None]]:
    """Cloud and ID of the disks of these backups, and of those judged by one of them, whatever disk
    it is of by now.
    """
    volumes: set[tuple[str, str | None]] = set()
    for batch in in_batches(ids):
        backups = Backup.objects.filter(pk__in=batch).order_by()
        volumes.update(backups.values_list("cloud", "volume_id"))
        volumes.update(
            Volume.objects.filter(last_good__in=backups).values_list("cloud", "volume_id")
        )
    return volumes


def by_cloud(volumes: Iterable[tuple[str, str | None]]) -> dict[str, list[str]]:
    """The IDs of disks that are known, in one order for all who lock them."""
    found: dict[str, list[str]] = {}
    for cloud, volume_id in sorted((cloud, volume_id) for cloud, volume_id in volumes if volume_id):
        found.setdefault(cloud, []).append(volume_id)
    return found
