"""What the lists of a cloud can do: whether they may be used, and which keys their entries lack
(API.md §1.1, §6).
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from backups.clouds import registry
from backups.models import Cloud
from backups.refresh import claims
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.shared import clock
from backups.vbs import payload
from backups.vbs.errors import VBSError

CHECK_EVERY = timedelta(days=1)  # clouds are brought up to date
AFTER_ERROR = timedelta(minutes=10)
COMPARED = 3  # entries
DOUBTED_FROM = 3  # entries that are missing at once …
DOUBTED_SHARE = 0.2  # … and more than this share of the known ones


def lacks_many(missing: int, *, of: int) -> bool:
    """Do so many of the known ones miss at once in a list that the list is to be doubted, rather
    than them?
    """
    return missing >= DOUBTED_FROM and missing > DOUBTED_SHARE * of


def serve(cloud: Cloud, now: datetime) -> bool:
    """May its lists stand for single GETs? When nobody knows yet, a walk finds out."""
    if cloud.list_checked_at is None:
        return True
    if cloud.list_error is not None:
        return cloud.list_checked_at < now - AFTER_ERROR
    return not cloud.list_lacks or is_to_be_checked(cloud, now)


def is_to_be_checked(cloud: Cloud, now: datetime) -> bool:
    checked = cloud.list_checked_at
    return cloud.list_lacks is None or checked is None or checked < now - CHECK_EVERY


def failed(name: str, sentence: str, now: datetime) -> None:
    """Single GETs do the work for a while."""
    Cloud.objects.filter(pk=name).update(list_error=sentence, list_checked_at=now)


def compare(name: str, entries: Mapping[uuid.UUID, Any]) -> list[str] | None:
    """Ask singly about some of these entries; keys that the single answers have and the entries
    lack, noted.

    None when no single answer came.
    """
    now = clock.now()
    ids = list(entries)
    chosen = list(dict.fromkeys([ids[0], ids[len(ids) // 2], ids[-1]]))[:COMPARED]
    lacks: set[str] = set()
    compared = 0
    for pk in chosen:
        single = _single(name, pk)
        if single is not None:
            compared += 1
            lacks |= single.keys() - entries[pk].keys()
    if not compared:
        return None
    note_lacks(name, sorted(lacks), now)
    return sorted(lacks)


def note_lacks(name: str, lacks: list[str], now: datetime) -> None:
    Cloud.objects.filter(pk=name).update(list_lacks=lacks, list_error=None, list_checked_at=now)


def note_empty(name: str, now: datetime) -> None:
    """It can be read; what its entries lack is seen once there is one."""
    Cloud.objects.filter(pk=name).update(list_lacks=None, list_error=None, list_checked_at=now)


def _single(name: str, pk: uuid.UUID) -> Mapping[str, Any] | None:
    """The single answer, stored if its backup is tracked; None while somebody else asks about it,
    or on an error.
    """
    asked_at = clock.now()
    claimed = claims.claim(name, [pk], asked_at)
    if not claimed.ids and claims.is_claimed(pk, asked_at):
        return None
    try:
        answer = registry.client(name).get_backup(str(pk))
    except VBSError as e:
        apply(name, [Fetched(pk, asked_at, error=e, http_status=e.http_status or 0)], claim=claimed)
        return None
    raw: Mapping[str, Any] = answer.body["backup"]
    apply(
        name,
        [Fetched(pk, asked_at, payload.receive(raw), http_status=answer.http_status)],
        claim=claimed,
    )
    return raw
