"""The statuses that stored backups have."""

from django.db import connection

from backups.models import Access, Backup

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
# Of those, the ones that a backup in some clouds has; it is looked up by its status.
_IN_CLOUDS = """
    AND EXISTS (
        SELECT 1 FROM {table} backup
        WHERE backup.status = stored.status AND backup.cloud IN ({clouds})
    )
"""


def stored_statuses(*, access: Access) -> set[str]:
    """Returns each status that a tracked backup has, also those that no document names; of the
    clouds that the reader may see. One query, and none for who may see no cloud.
    """
    statement = _STORED_STATUSES
    clouds: list[str] = []
    if access.clouds is not None:
        clouds = sorted(access.clouds)
        if not clouds:
            return set()
        statement += _IN_CLOUDS
    table = connection.ops.quote_name(Backup._meta.db_table)
    places = ", ".join(["%s"] * len(clouds))
    with connection.cursor() as cursor:
        cursor.execute(statement.format(table=table, clouds=places), clouds)
        return {status for (status,) in cursor.fetchall() if status}
