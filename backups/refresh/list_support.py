"""Tells whether the lists of a cloud may be used, and which keys their entries
lack (API.md §1.1, §6).
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from backups.clouds import registry
from backups.models import Cloud
from backups.models.data_version import data_changed
from backups.refresh import claims
from backups.refresh.apply import apply
from backups.refresh.fetch import get_single
from backups.shared import clock

CHECK_EVERY = timedelta(days=1)  # clouds are brought up to date
RETRY_AFTER_ERROR = timedelta(minutes=10)
LIST_BUDGET_WAIT_S = 45.0  # how long all pages of a list together wait for the budget
DOUBTED_FROM = 3  # entries that are missing at once …
DOUBTED_SHARE = 0.2  # … and more than this share of the known ones


def lacks_many(missing: int, *, of: int) -> bool:
    """Do so many of the known entries miss at once that the list is doubted, rather than they?"""
    return missing >= DOUBTED_FROM and missing > DOUBTED_SHARE * of


def may_be_used(cloud: Cloud, now: datetime) -> bool:
    """May its lists stand for single GETs? As long as that is not known, a sweep finds out."""
    if cloud.list_checked_at is None:
        return True
    if cloud.list_error is not None:
        return cloud.list_checked_at < now - RETRY_AFTER_ERROR
    return not cloud.list_lacks or is_to_be_checked(cloud, now)


def is_to_be_checked(cloud: Cloud, now: datetime) -> bool:
    checked_at = cloud.list_checked_at
    return cloud.list_lacks is None or checked_at is None or checked_at < now - CHECK_EVERY


def note_failure(name: str, sentence: str, now: datetime) -> None:
    """Stores why lists are of no use now; single GETs do the work for a while."""
    Cloud.objects.filter(pk=name).update(list_error=sentence, list_checked_at=now)
    data_changed()


def note_lacks(name: str, lacks: list[str] | None, now: datetime) -> None:
    """Stores which keys the entries of the list lack; None after a list without entries."""
    Cloud.objects.filter(pk=name).update(list_lacks=lacks, list_error=None, list_checked_at=now)
    data_changed()


def compare(name: str, entries: Mapping[uuid.UUID, Mapping[str, Any]]) -> list[str] | None:
    """Asks singly about the first, the middle and the last entry, and stores which keys they lack.

    Returns the keys that single answers have and the entries do not; None when
    no single answer came.
    """
    now = clock.now()
    ids = list(entries)
    # Of a short list these may be the same; each is asked about once.
    chosen = dict.fromkeys([ids[0], ids[len(ids) // 2], ids[-1]])
    lacks: set[str] = set()
    compared = 0
    for pk in chosen:
        single = _get_single(name, pk)
        if single is not None:
            compared += 1
            lacks |= single.keys() - entries[pk].keys()
    if not compared:
        return None
    note_lacks(name, sorted(lacks), now)
    return sorted(lacks)


def _get_single(name: str, pk: uuid.UUID) -> Mapping[str, Any] | None:
    """Returns the single answer, which is stored if its backup is tracked.

    None while another worker asks about it, or on an error.
    """
    now = clock.now()
    claimed = claims.claim(name, [pk], now)
    if not claimed.ids and claims.is_claimed(pk, now):
        return None
    fetched = get_single(registry.client(name), pk)
    apply(name, [fetched], claim=claimed)
    return None if fetched.answer is None else fetched.answer.raw
