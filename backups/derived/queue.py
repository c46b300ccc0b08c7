"""Marks volumes whose backups changed, and derives them when the batch, or its sweep, is over.

A page of a list shows one backup each of a thousand volumes: derived page by page, each volume
would be read a dozen times in one sweep. The mark is in the database, so if a worker dies in
between another one does the rest.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from backups.derived.volumes import derive, ensure_volumes, sorted_ids
from backups.models import Volume
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
    while ids := list(due[:IDS_PER_QUERY]):
        changed += derive(cloud, ids, now)
    return changed


def are_left(cloud: str, now: datetime) -> bool:
    """Are there volumes that the worker which marked them has not derived, or that were delayed?"""
    return _due(cloud, now - LEFT_AFTER).exists()


def _due(cloud: str, now: datetime) -> QuerySet[Volume]:
    return Volume.objects.filter(cloud=cloud, derive_at__lte=now)


def _mark(cloud: str, ids: Sequence[str], now: datetime) -> None:
    pks_by_delay: defaultdict[timedelta, list[int]] = defaultdict(list)
    for pk, tracked, derive_at in _ensure_and_lock(cloud, ids, now):
        if derive_at is None:
            pks_by_delay[_delay(tracked)].append(pk)
    for delay, pks in pks_by_delay.items():
        Volume.objects.filter(pk__in=pks).update(derive_at=now + delay)


def _ensure_and_lock(
    cloud: str, ids: Sequence[str], now: datetime
) -> list[tuple[int, int, datetime | None]]:
    """Returns `pk`, `tracked` and `derive_at` of the locked rows.

    One that was being removed just then is created anew.
    """
    rows: list[tuple[int, int, datetime | None]] = []
    volumes = Volume.objects.filter(cloud=cloud, volume_id__in=ids)
    for _ in range(2):
        ensure_volumes(cloud, ids, now)
        rows = list(lock_volumes(volumes).values_list("pk", "tracked", "derive_at"))
        if len(rows) == len(ids):
            break
    return rows


def _delay(backups: int) -> timedelta:
    return min(backups * DELAY_PER_BACKUP, LONGEST_DELAY) if backups > LARGE else timedelta(0)
