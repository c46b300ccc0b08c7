"""The time that all hosts share: the database's own.

A host whose clock is minutes ahead would write answers, looks and claims of the future: nobody else
would touch these rows until then, and they would pass for fresh. Workers and schedulers therefore
add what their clock is off; and what was written before a clock was set back counts as old.
"""

import logging
import threading
import time
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from backups.models import Backup, Cloud
from backups.shared.locks import lock_cloud

logger = logging.getLogger(__name__)

MEASURED_EVERY = 60.0  # seconds
NOISE = timedelta(seconds=1)  # less is the way to the server and back
FUTURE = timedelta(minutes=1)  # what is later than that was written by another clock than today's
OF_A_CLOUD = (
    "attempted_at",
    "last_good_at",
    "walked_at",
    "backups_listed_at",
    "list_checked_at",
    "signed_in_at",
)


class _Shared:
    """Of this process: what is added to the host's clock; nothing until `follow_database`."""

    follows = False
    offset = timedelta(0)
    measured_at = float("-inf")
    lock = threading.Lock()


def follow_database() -> None:
    """From now on this process goes by the database's time."""
    _Shared.follows = True


def now() -> datetime:
    """Makes no query: `measure` does, now and then."""
    return timezone.now() + _Shared.offset


def measure() -> None:
    """To be called before a piece of work; once a minute and process it asks the database."""
    if not _Shared.follows or time.monotonic() - _Shared.measured_at < MEASURED_EVERY:
        return
    if _Shared.lock.acquire(blocking=False):
        try:
            _Shared.offset, _Shared.measured_at = offset(), time.monotonic()
        except DatabaseError as e:
            logger.warning(
                "the database's time is not known: %s", e
            )  # the work at hand meets the same error
        finally:
            _Shared.lock.release()


def offset() -> timedelta:
    """By how much the database is ahead of this host; 0 for a file on this host. Raises
    DatabaseError.
    """
    if connection.vendor != "postgresql":
        return timedelta(0)
    before = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        there: datetime = cursor.fetchone()[0]
    found = there - (before + (timezone.now() - before) / 2)
    return found if abs(found) > NOISE else timedelta(0)


def forget_the_future(at: datetime) -> None:
    """What was learned "after" `at` is old from now on and asked about again at once."""
    ahead = at + FUTURE
    for name in (
        Cloud.objects.filter(attempted_at__gt=ahead).order_by("name").values_list("name", flat=True)
    ):
        with transaction.atomic():
            lock_cloud(name)
            mine = Backup.objects.filter(cloud=name)
            mine.filter(claimed_until__gt=ahead + FUTURE).update(claimed_until=None)
            mine.filter(refreshed_at__gt=ahead).update(refreshed_at=at, stale_at=at)
            again = mine.filter(attempted_at__gt=ahead).update(attempted_at=at, next_refresh_at=at)
            for word in OF_A_CLOUD:
                Cloud.objects.filter(pk=name, **{f"{word}__gt": ahead}).update(**{word: at})
        logger.warning("%s: the clock was set back; %d backups are asked about again", name, again)
