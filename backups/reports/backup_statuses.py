"""The statuses that stored backups have."""

from django.db import connection

from backups.models import Backup

# Each status by one step along the index: a DISTINCT would read every row.
_STORED_STATUSES = """
    WITH RECURSIVE stored(status) AS (
        SELECT min(status) FROM {table}
        UNION ALL
        SELECT (SELECT min(backup.status) FROM {table} backup WHERE backup.status > stored.status)
        FROM stored WHERE stored.status IS NOT NULL
    )
    SELECT status FROM stored WHERE status IS NOT NULL
"""


def stored_statuses() -> set[str]:
    """Returns each status that a tracked backup has, also those that no document names."""
    table = connection.ops.quote_name(Backup._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(_STORED_STATUSES.format(table=table))
        return {status for (status,) in cursor.fetchall() if status}
