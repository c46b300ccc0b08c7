"""Updates volumes when backups leave a cloud, or move to another one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import F, QuerySet

from backups.derived.queue import mark
from backups.derived.volumes import forget_backups
from backups.models import Backup, Cloud, SearchText, Volume
from backups.models.data_version import data_changed
from backups.models.search import SEARCHED
from backups.shared.batches import in_batches
from backups.vbs.kind import vote


def move(ids: Sequence[UUID | str], cloud: str, now: datetime) -> dict[str, list[str]]:
    """Moves backups to a cloud, under the locks of all their clouds.

    Returns the IDs of the volumes that they left, by cloud, for `forget` after the transaction.
    """
    volumes = volumes_of(ids)
    for batch in in_batches(ids):
        backups = Backup.objects.filter(pk__in=batch)
        add_votes(backups, cloud)
        backups.update(
            cloud=cloud,
            next_refresh_at=now,
            error=None,
            missed_at=None,
            gone_at=None,
            attempted_at=None,
            unlisted_at=None,
        )
        # Their volumes may have other names in this cloud.
        SearchText.objects.put(backups.order_by("pk").values("cloud", *SEARCHED))
    arrived = {(cloud, volume_id) for _, volume_id in volumes}
    for name, volume_ids in by_cloud(volumes | arrived).items():
        mark(name, volume_ids, now)
    data_changed()
    return by_cloud(volumes)


def add_votes(backups: QuerySet[Backup], cloud: str) -> None:
    """Adds the votes of these backups to those of their new cloud.

    A cloud decides by them which Type is full. Without a type interpretation all its
    backups are judged again.
    """
    type_votes_0 = 0
    type_votes_1 = 0
    for inc, type_ in backups.order_by().values_list("inc", "type"):
        votes = vote(inc=inc, type_=type_)
        type_votes_0 += votes.zero
        type_votes_1 += votes.one
    if type_votes_0 or type_votes_1:
        Cloud.objects.filter(pk=cloud).update(
            type_votes_0=F("type_votes_0") + type_votes_0,
            type_votes_1=F("type_votes_1") + type_votes_1,
            type_interpretation=None,
        )


def forget(volumes: Mapping[str, Sequence[str]], now: datetime) -> None:
    """Brings volumes up to date that backups have left; takes what `move` returned."""
    for cloud, volume_ids in volumes.items():
        forget_backups(cloud, volume_ids, now)


def volumes_of(ids: Sequence[UUID | str]) -> set[tuple[str, str | None]]:
    """Returns cloud and ID of the volumes that depend on these backups.

    They are those of the backups, and those whose last good backup is one of them, whatever volume
    it is of by now.
    """
    volumes: set[tuple[str, str | None]] = set()
    for batch in in_batches(ids):
        backups = Backup.objects.filter(pk__in=batch).order_by()
        judged = Volume.objects.filter(last_good__in=backups)
        volumes.update(backups.values_list("cloud", "volume_id"))
        volumes.update(judged.values_list("cloud", "volume_id"))
    return volumes


def by_cloud(volumes: Iterable[tuple[str, str | None]]) -> dict[str, list[str]]:
    """Returns the IDs of volumes by cloud, in one order for all who lock them.

    A backup of no known volume has none.
    """
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for cloud, volume_id in volumes:
        if volume_id:
            ids[cloud].add(volume_id)
    return {cloud: sorted(ids[cloud]) for cloud in sorted(ids)}
