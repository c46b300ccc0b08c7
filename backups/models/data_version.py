"""Counts the changes to what pages, API and metrics show; ETags are made of the counts.

Whoever writes such a row calls `data_changed()` in the same transaction, after the write: whoever
reads the new count then reads the new rows as well. Where an answer was equal to what is stored,
and only moved the times at which the cloud was asked, that is `data_touched()`: what is counted
over all rows is the same as before. `backups/tests/data_version_spy.py` watches every write of the
product in every test and fails where the call is missing.
"""

from datetime import UTC, datetime, timedelta

from django.db import connection, models
from django.db.models import F

# Transactions that write at the same time each raise a row of their own on PostgreSQL, so that
# none waits for another. The sum of all rows counts, and for changes alone that of the first ones:
# the others count what was only touched. They are rows, not a column, because versions of before
# raise and add up rows, and may run beside this one during an upgrade.
SHARDS = 64
FIRST_TOUCHED = SHARDS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RAISE_FREE_SHARD = """
UPDATE backups_dataversion SET n = n + 1 WHERE shard = (
    SELECT shard FROM backups_dataversion WHERE shard >= %s AND shard < %s
    ORDER BY shard LIMIT 1 FOR UPDATE SKIP LOCKED
)
"""


class DataVersion(models.Model):
    shard = models.PositiveSmallIntegerField(primary_key=True)
    n = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.shard}: {self.n}"


def data_changed() -> None:
    """Raises the count of changes by one; one statement."""
    _raise(0)


def data_touched() -> None:
    """Raises the count of what was only asked about again; one statement.

    It is enough where nothing moved but `refreshed_at` and the times that follow of it, of backups
    that were fresh and without an error before, and of their cloud the times of its last answer.
    """
    _raise(FIRST_TOUCHED)


def _raise(first: int) -> None:
    """Raises one of the SHARDS rows from `first` on."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_RAISE_FREE_SHARD, [first, first + SHARDS])
            is_raised = cursor.rowcount > 0
    else:
        is_raised = _raise_shard(first)
    if not is_raised:
        # The rows are missing before the first write of all, or after a test has emptied the table.
        rows = [DataVersion(shard=shard) for shard in range(FIRST_TOUCHED + SHARDS)]
        DataVersion.objects.bulk_create(rows, ignore_conflicts=True)
        _raise_shard(first)


def data_replaced(now: datetime) -> None:
    """Sets the count beyond all that any browser has seen of this installation or of the one that
    was lost: no ETag of before means the rows of now.

    The microseconds since 1970 grow faster than changes are made, so a later restore is beyond it.
    """
    data_changed()
    DataVersion.objects.filter(shard=0).update(n=(now - _EPOCH) // timedelta(microseconds=1))


def _raise_shard(shard: int) -> bool:
    """SQLite lets one writer in at a time anyway."""
    return bool(DataVersion.objects.filter(shard=shard).update(n=F("n") + 1))
