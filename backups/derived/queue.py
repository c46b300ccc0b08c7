"""Disks whose backups changed are marked with the answers, and derived when the batch, or the walk
it is of, is over.

A page of a list shows one backup each of a thousand disks: derived page by page, each disk would be
read a dozen times in one walk. The mark is in the database, so a worker that dies in between leaves
the rest to the next one.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from backups.derived.volumes import derive, ensure_volumes
from backups.models import Volume
from backups.models.volume import VolumeQuerySet
from backups.shared.batches import IDS_PER_QUERY, in_batches
from backups.shared.locks import lock_volumes

LARGE = 1_000  # backups of one disk; beyond it each puts the derivation off by …
EACH, MOST = (
    timedelta(milliseconds=1),
    timedelta(minutes=5),
)  # … so much, so that none takes a worker's whole time
LEFT = timedelta(seconds=60)  # after which somebody else derives what a worker has marked


def mark(cloud: str, volume_ids: Iterable[str | None], now: datetime) -> None:
    """In the transaction that changes backups of these disks, new ones included.

    Their rows stay locked: whoever derives one of them meanwhile reads what comes after, or is
    waited for.
    """
    ids = sorted({one for one in volume_ids if one})
    for batch in in_batches(ids):
        _mark(cloud, batch, now)


def mark_all(volumes: VolumeQuerySet, now: datetime) -> None:
    """In the transaction that changes by what these disks are judged."""
    pks = list(lock_volumes(volumes).values_list("pk", flat=True))
    for batch in in_batches(pks):
        Volume.objects.filter(pk__in=batch).update(derive_at=now)


def derive_due(cloud: str, now: datetime) -> int:
    """Derive what is marked for now or earlier, each few hundred in a transaction of their own; how
    many changed.
    """
    changed = 0
    while ids := list(
        _due(cloud, now)
        .order_by("derive_at", "id")
        .values_list("volume_id", flat=True)[:IDS_PER_QUERY]
    ):
        changed += derive(cloud, ids, now)
    return changed


def are_left(cloud: str, now: datetime) -> bool:
    """Are there some that whoever marked them has not derived, or that were put off?"""
    return _due(cloud, now - LEFT).exists()


def _due(cloud: str, now: datetime) -> QuerySet[Volume]:
    return Volume.objects.filter(cloud=cloud, derive_at__lte=now)


def _mark(cloud: str, ids: Sequence[str], now: datetime) -> None:
    mine = Volume.objects.filter(cloud=cloud, volume_id__in=ids)
    known: list[tuple[int, int, datetime | None]] = []
    for _ in range(2):  # one that was just being removed is made anew
        ensure_volumes(cloud, ids, now)
        known = list(lock_volumes(mine).values_list("pk", "tracked", "derive_at"))
        if len(known) == len(ids):
            break
    waits: dict[timedelta, list[int]] = {}
    for pk, tracked, derive_at in known:
        if derive_at is None:
            waits.setdefault(_wait(tracked), []).append(pk)
    for wait, some in waits.items():
        Volume.objects.filter(pk__in=some).update(derive_at=now + wait)


def _wait(tracked: int) -> timedelta:
    return min(tracked * EACH, MOST) if tracked > LARGE else timedelta(0)
