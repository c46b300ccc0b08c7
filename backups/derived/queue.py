"""Marks volumes whose backups changed, and derives them when the batch, or its sweep, is over.

A page of a list shows one backup each of a thousand volumes: derived page by page, each volume
would be read a dozen times in one sweep. The mark is in the database, so if a worker dies in
between another one does the rest.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q, QuerySet

from backups.derived.volumes import derive, ensure_volumes, sorted_ids
from backups.models import Cloud, Volume
from backups.models.volume import VolumeQuerySet
from backups.shared.batches import IDS_PER_QUERY, in_batches
from backups.shared.locks import lock_volumes

# A volume with more backups than this is derived later, by so much for each of its backups: none
# takes a worker's whole time.
LARGE = 1_000
DELAY_PER_BACKUP = timedelta(milliseconds=1)
LONGEST_DELAY = timedelta(minutes=5)

# Another worker derives what a worker has marked and not derived in this time.
LEFT_AFTER = timedelta(seconds=60)


def mark(cloud: str, volume_ids: Iterable[str | None], now: datetime) -> None:
    """Marks volumes, in the transaction that changes backups of them; rows of new ones are created.

    Their rows stay locked: a process that derives one of them meanwhile reads what comes after, or
    is waited for.
    """
    for batch in in_batches(sorted_ids(volume_ids)):
        _mark(cloud, batch, now)


def mark_known(cloud: str, volume_ids: Iterable[str | None], now: datetime) -> None:
    """Marks those of the volumes that have a row, under this cloud or under another service of its
    project, after news of their policies or tasks.
    """
    for batch in in_batches(sorted_ids(volume_ids)):
        mark_runs(Volume.objects.filter(_here_or_there(cloud, batch)), now)


def mark_runs(volumes: VolumeQuerySet, now: datetime) -> None:
    """Marks volumes, in the transaction that changes what all their runs are judged by."""
    pks = list(lock_volumes(volumes).values_list("pk", flat=True))
    for batch in in_batches(pks):
        Volume.objects.filter(pk__in=batch).update(derive_at=now, runs_judge_at=now)


def mark_all(volumes: VolumeQuerySet, now: datetime) -> None:
    """Marks volumes, in the transaction that changes what they are judged by."""
    pks = list(lock_volumes(volumes).values_list("pk", flat=True))
    for batch in in_batches(pks):
        Volume.objects.filter(pk__in=batch).update(derive_at=now)


def derive_due(cloud: str, now: datetime) -> int:
    """Derives what is marked for now or earlier, some hundreds in a transaction of their own.

    Returns how many volumes changed.
    """
    due = _due(cloud, now).order_by("derive_at", "id").values_list("volume_id", flat=True)
    changed = 0
    are_derived = False
    while ids := list(due[:IDS_PER_QUERY]):
        changed += derive(cloud, ids, now)
        are_derived = True
    if are_derived:
        changed += _derive_other_service(cloud, now)
    return changed


def _derive_other_service(cloud: str, now: datetime) -> int:
    """Derives what was marked together with volumes of this cloud under the other service of its
    project.
    """
    changed = 0
    for other in Cloud.objects.filter(other_service=cloud).values_list("name", flat=True):
        due = _due(other, now).order_by("derive_at", "id").values_list("volume_id", flat=True)
        while ids := list(due[:IDS_PER_QUERY]):
            changed += derive(other, ids, now)
    return changed


def is_work_left(cloud: str, now: datetime) -> bool:
    """Are there volumes that the worker which marked them has not derived, or that were delayed, or
    whose runs time alone has decided?
    """
    return _due(cloud, now - LEFT_AFTER).exists() or _runs_to_judge(cloud, now).exists()


def _due(cloud: str, now: datetime) -> QuerySet[Volume]:
    return Volume.objects.filter(cloud=cloud, derive_at__lte=now)


def mark_runs_to_judge(cloud: str, now: datetime) -> None:
    """Marks the volumes whose runs time alone may have decided."""
    with transaction.atomic():
        mark_runs(_runs_to_judge(cloud, now), now)


def _runs_to_judge(cloud: str, now: datetime) -> VolumeQuerySet:
    return Volume.objects.filter(cloud=cloud, runs_judge_at__lte=now, derive_at=None)


def _mark(cloud: str, ids: Sequence[str], now: datetime) -> None:
    pks_by_delay: defaultdict[timedelta, list[int]] = defaultdict(list)
    for row in _ensure_and_lock(cloud, ids, now):
        if row.derive_at is None:
            pks_by_delay[_delay(row.tracked)].append(row.pk)
    for delay, pks in pks_by_delay.items():
        Volume.objects.filter(pk__in=pks).update(derive_at=now + delay)


def _here_or_there(cloud: str, ids: Sequence[str]) -> Q:
    """Returns the condition of volumes under a cloud, and of the same ones under the other service
    of its project; each half has an index.
    """
    return Q(cloud=cloud, volume_id__in=ids) | Q(also_under=cloud, volume_id__in=ids)


class _Locked(NamedTuple):
    pk: int
    cloud: str
    tracked: int
    derive_at: datetime | None


def _ensure_and_lock(cloud: str, ids: Sequence[str], now: datetime) -> list[_Locked]:
    """Returns the locked rows, with those of the other service that shows these volumes too: what
    is known here counts for them.

    One that was being removed just then is created anew.
    """
    rows: list[_Locked] = []
    volumes = Volume.objects.filter(_here_or_there(cloud, ids))
    columns = ("pk", "cloud_id", "tracked", "derive_at")
    for _ in range(2):
        ensure_volumes(cloud, ids, now)
        rows = [_Locked._make(values) for values in lock_volumes(volumes).values_list(*columns)]
        if sum(row.cloud == cloud for row in rows) == len(ids):
            break
    return rows


def _delay(backups: int) -> timedelta:
    return min(backups * DELAY_PER_BACKUP, LONGEST_DELAY) if backups > LARGE else timedelta(0)
