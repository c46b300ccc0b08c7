"""Who asks about which backup: claims by conditional UPDATEs, which run out by themselves.

A claim is known by its end: giving it back touches only rows that still carry that very end, so a
worker that slept through its claim cannot free what somebody else holds by now.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from backups.models import Backup
from backups.models.backup import BackupQuerySet
from backups.refresh.schedule import SLOWEST_POLL
from backups.shared.batches import in_batches
from backups.shared.locks import lock_cloud

CLAIM = timedelta(seconds=60)  # longer than any round of questions may take


@dataclass(frozen=True)
class Claim:
    """`until` is never the same for two claims of one row: each begins after the one before has
    ended.
    """

    cloud: str
    ids: list[uuid.UUID]
    until: datetime


def free(now: datetime) -> Q:
    return Q(claimed_until=None) | Q(claimed_until__lt=now)


def claim_due(cloud: str, now: datetime, *, most: int, singly: bool = False) -> Claim:
    """Take at most `most` due backups for 60 s, the longest due first; up to half of them in
    flight.

    `singly`: only those that a list does not serve, or that are in flight. Two takers never get the
    same rows.
    """
    with transaction.atomic():
        due = Backup.objects.due(cloud, now)
        in_flight = due.filter(refresh_interval__lte=int(SLOWEST_POLL.total_seconds()))
        ids = _first(in_flight, most if singly else max(1, most // 2))
        rest = due.filter(unlisted_at__isnull=False) if singly else due
        if len(ids) < most:
            ids = list(dict.fromkeys([*ids, *_first(rest, most)]))[:most]
        return _take(cloud, ids, now)


def claim_probe(cloud: str, now: datetime) -> Claim:
    """Take the due backup that failed least: it tells best whether the cloud is back."""
    with transaction.atomic():
        return _take(
            cloud,
            _first(Backup.objects.due(cloud, now).order_by("failures", "next_refresh_at", "id"), 1),
            now,
        )


def claim(cloud: str, ids: Sequence[uuid.UUID], now: datetime) -> Claim:
    """Take these, whether due or not, unless somebody holds them."""
    with transaction.atomic():
        return _take(cloud, ids, now)


def release(claimed: Claim, ids: Sequence[uuid.UUID] | None = None) -> None:
    """Give back what is claimed, or those `ids` of it: somebody else may take them at once."""
    chosen = claimed.ids if ids is None else ids
    with transaction.atomic():
        lock_cloud(claimed.cloud)
        for batch in in_batches(chosen):
            mine = Backup.objects.filter(pk__in=batch, claimed_until=claimed.until)
            mine.update(claimed_until=None)


def _first(rows: BackupQuerySet, most: int) -> list[uuid.UUID]:
    free_ones = rows.select_for_update(skip_locked=True, of=("self",), no_key=True)
    return list(free_ones.values_list("pk", flat=True)[:most])


def _take(cloud: str, ids: Sequence[uuid.UUID], now: datetime) -> Claim:
    taken: list[uuid.UUID] = []
    for batch in in_batches(ids):
        rows = Backup.objects.filter(free(now), cloud=cloud, pk__in=batch)
        free_ones = rows.select_for_update(skip_locked=True, of=("self",), no_key=True)
        mine = list(free_ones.order_by("pk").values_list("pk", flat=True))
        Backup.objects.filter(pk__in=mine).update(claimed_until=now + CLAIM)
        taken += mine
    order = {pk: at for at, pk in enumerate(ids)}
    return Claim(cloud, sorted(taken, key=lambda pk: order[pk]), now + CLAIM)


def is_claimed(pk: uuid.UUID, now: datetime) -> bool:
    return Backup.objects.filter(pk=pk, claimed_until__gte=now).exists()
