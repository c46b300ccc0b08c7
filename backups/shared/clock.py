"""Tells the time that all hosts share: the database's own.

A host whose clock is minutes ahead would write answers, requests and claims of the future: no other
process would touch these rows until then, and they would pass for fresh. Workers and schedulers
therefore add what their clock is off. What was written before a clock was set back counts as old.
"""

import logging
import threading
import time
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from backups.models import Backup, Cloud
from backups.models.data_version import data_changed
from backups.shared.locks import lock_cloud

logger = logging.getLogger(__name__)

MEASURE_EVERY_S = 60.0
TRY_AGAIN_AFTER_S = 15.0  # where the database did not answer
NOISE = timedelta(seconds=1)  # a smaller offset is the way to the server and back
FUTURE = timedelta(minutes=1)  # what is later than that was written by a clock set back since
CLOUD_TIME_COLUMNS = (
    "attempted_at",
    "last_good_at",
    "walked_at",
    "backups_listed_at",
    "list_checked_at",
    "signed_in_at",
)


class _Shared:
    """The state of this process. `offset` is added to the host's clock: 0 until
    `follow_database`.
    """

    follows = False
    offset = timedelta(0)
    measured_at = float("-inf")  # in time.monotonic() seconds
    lock = threading.Lock()


def follow_database() -> None:
    """Makes this process go by the database's time from now on."""
    _Shared.follows = True


def now() -> datetime:
    """Returns the shared time. It makes no query: `measure` does, now and then."""
    return timezone.now() + _Shared.offset


def measure() -> None:
    """Measures the offset, at most once a minute; to be called before a piece of work."""
    if not _Shared.follows or time.monotonic() - _Shared.measured_at < MEASURE_EVERY_S:
        return
    if _Shared.lock.acquire(blocking=False):
        try:
            _Shared.offset = offset()
            _Shared.measured_at = time.monotonic()
        except DatabaseError as e:
            # The work at hand meets the same error.
            logger.warning("the database's time is not known: %s", e)
            # The next one makes a new connection. Celery does it after a task, but not for the
            # thread that receives messages.
            connection.close()
            # Each try may take as long as a silent database is waited for.
            _Shared.measured_at = time.monotonic() - MEASURE_EVERY_S + TRY_AGAIN_AFTER_S
        finally:
            _Shared.lock.release()


def offset() -> timedelta:
    """Returns by how much the database is ahead of this host; 0 for a file on this host.

    Raises DatabaseError.
    """
    if connection.vendor != "postgresql":
        return timedelta(0)
    before = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        database_time: datetime = cursor.fetchone()[0]
    after = timezone.now()
    ahead = database_time - (before + (after - before) / 2)
    return ahead if abs(ahead) > NOISE else timedelta(0)


def forget_the_future(at: datetime) -> None:
    """Makes what was written "after" `at` old, so that it is asked about again at once."""
    future = at + FUTURE
    ahead = Cloud.objects.filter(attempted_at__gt=future).order_by("name")
    for name in ahead.values_list("name", flat=True):
        with transaction.atomic():
            lock_cloud(name)
            backups = Backup.objects.filter(cloud=name)
            backups.filter(claimed_until__gt=future + FUTURE).update(claimed_until=None)
            backups.filter(refreshed_at__gt=future).update(refreshed_at=at, stale_at=at)
            attempted = backups.filter(attempted_at__gt=future)
            count = attempted.update(attempted_at=at, next_refresh_at=at)
            for column in CLOUD_TIME_COLUMNS:
                clouds = Cloud.objects.filter(pk=name, **{f"{column}__gt": future})
                clouds.update(**{column: at})
            data_changed()
        logger.warning("%s: the clock was set back; %d backups are asked about again", name, count)
