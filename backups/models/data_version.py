"""Counts the changes to what pages, API and metrics show; ETags are made of the count.

Whoever writes such a row calls `data_changed()` in the same transaction, after the write: whoever
reads the new count then reads the new rows as well. `backups/tests/data_version_spy.py` watches
every write of the product in every test and fails where the call is missing.
"""

from datetime import UTC, datetime, timedelta

from django.db import connection, models
from django.db.models import F

# Transactions that write at the same time each raise a row of their own on PostgreSQL, so that
# none waits for another. The sum of all rows counts.
SHARDS = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RAISE_FREE_SHARD = """
UPDATE backups_dataversion SET n = n + 1 WHERE shard = (
    SELECT shard FROM backups_dataversion ORDER BY shard LIMIT 1 FOR UPDATE SKIP LOCKED
)
"""


class DataVersion(models.Model):
    shard = models.PositiveSmallIntegerField(primary_key=True)
    n = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.shard}: {self.n}"


def data_changed() -> None:
    """Raises the count by one; one statement."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_RAISE_FREE_SHARD)
            is_raised = cursor.rowcount > 0
    else:
        is_raised = _raise_first_shard()
    if not is_raised:
        # The rows are missing before the first write of all, or after a test has emptied the table.
        rows = [DataVersion(shard=shard) for shard in range(SHARDS)]
        DataVersion.objects.bulk_create(rows, ignore_conflicts=True)
        _raise_first_shard()


def data_replaced(now: datetime) -> None:
    """Sets the count beyond all that any browser has seen of this installation or of the one that
    was lost: no ETag of before means the rows of now.

    The microseconds since 1970 grow faster than changes are made, so a later restore is beyond it.
    """
    data_changed()
    DataVersion.objects.filter(shard=0).update(n=(now - _EPOCH) // timedelta(microseconds=1))


def _raise_first_shard() -> bool:
    """SQLite lets one writer in at a time anyway."""
    return bool(DataVersion.objects.filter(shard=0).update(n=F("n") + 1))
