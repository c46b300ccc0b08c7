"""Claims backups that are about to be asked about, by conditional UPDATEs; a
claim expires by itself.

A claim is identified by its end: releasing it touches only rows that still carry that very end, so
a worker that slept through its claim cannot release what another worker holds by now.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from backups.models import Backup, Cloud
from backups.models.backup import POLLED_AS_IN_FLIGHT, BackupQuerySet, unclaimed
from backups.shared.batches import in_batches
from backups.shared.locks import lock_cloud

# Longer than any batch of requests may take.
CLAIM = timedelta(seconds=60)


@dataclass(frozen=True)
class Claim:
    """`until` is never the same for two claims of one row: each begins after the
    one before has ended.
    """

    cloud: str
    ids: list[uuid.UUID]
    until: datetime


def claim_due(cloud: str, now: datetime, *, most: int, singly: bool = False) -> Claim:
    """Claims at most `most` due backups for 60 s, the longest due first; up to half are in flight.

    `singly`: only those that no list serves, or that are in flight. Two workers never
    get the same rows.
    """
    with transaction.atomic():
        due = Backup.objects.due(cloud, now)
        in_flight = due.filter(POLLED_AS_IN_FLIGHT)
        ids = _select_for_claim(in_flight, most if singly else max(1, most // 2))
        if len(ids) < most:
            others = due.filter(unlisted_at__isnull=False) if singly else due
            ids += _select_for_claim(others, most)
            ids = list(dict.fromkeys(ids))[:most]
        return _claim(cloud, ids, now)


def claim_probe(cloud: str, now: datetime) -> Claim:
    """Claims the due backup that failed least: it tells best whether the cloud is back."""
    with transaction.atomic():
        due = Backup.objects.due(cloud, now).order_by("failures", "next_refresh_at", "id")
        return _claim(cloud, _select_for_claim(due, 1), now)


def claim(cloud: str, ids: Sequence[uuid.UUID], now: datetime) -> Claim:
    """Claims these backups, whether due or not, but for those that are claimed already."""
    with transaction.atomic():
        return _claim(cloud, ids, now)


def release(claimed: Claim, ids: Sequence[uuid.UUID] | None = None) -> None:
    """Releases all of a claim, or `ids` of it: another worker may claim them at once."""
    with transaction.atomic():
        lock_cloud(claimed.cloud)
        for batch in in_batches(claimed.ids if ids is None else ids):
            still_claimed = Backup.objects.filter(pk__in=batch, claimed_until=claimed.until)
            still_claimed.update(claimed_until=None)


def is_claimed(pk: uuid.UUID, now: datetime) -> bool:
    return Backup.objects.filter(pk=pk, claimed_until__gte=now).exists()


def claim_of_cloud(name: str, column: str, now: datetime, until: datetime) -> bool:
    """Claims a job that one process at a time does for a cloud; `column` holds the claim's end.

    Returns False while another process has it.
    """
    is_free = Q(**{column: None}) | Q(**{f"{column}__lt": now})
    return Cloud.objects.filter(is_free, pk=name).update(**{column: until}) == 1


def _select_for_claim(rows: BackupQuerySet, most: int) -> list[uuid.UUID]:
    """Locks rows that no other worker is claiming at this moment, and returns their IDs."""
    unlocked = rows.select_for_update(skip_locked=True, of=("self",), no_key=True)
    return list(unlocked.values_list("pk", flat=True)[:most])


def _claim(cloud: str, ids: Sequence[uuid.UUID], now: datetime) -> Claim:
    until = now + CLAIM
    claimed: set[uuid.UUID] = set()
    for batch in in_batches(ids):
        rows = Backup.objects.filter(unclaimed(now), cloud=cloud, pk__in=batch).order_by("pk")
        free_ids = _select_for_claim(rows, len(batch))
        Backup.objects.filter(pk__in=free_ids).update(claimed_until=until)
        claimed.update(free_ids)
    return Claim(cloud, [pk for pk in ids if pk in claimed], until)
