"""A number that rises with every write to what pages and API show, however the write was made.

It is raised inside the writing transaction, so whoever sees the number sees the data. There are
many rows so that transactions at the same time never wait for each other; the sum counts.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

SHARDS = 64
# Tables that nothing shows, or that are written far more often than anything else.
_SILENT_TABLES = (
    "stamp",
    "heartbeat",
    "process",
    "apitoken",
    "budgetwindow",
    "cloudcalls",
    "body",
    "searchtext",
    "edit",
)
_WRITE = re.compile(r'(?:INSERT(?: OR IGNORE)? INTO|UPDATE|DELETE FROM) "backups_(?P<table>\w+)"')
_CLAIM = re.compile(r'UPDATE "backups_backup" SET "claimed_until" = (?:%s|NULL) WHERE')
_RAISE = "UPDATE backups_stamp SET n = n + 1 WHERE shard = {}"
_FREE = "(SELECT shard FROM backups_stamp ORDER BY shard LIMIT 1 FOR UPDATE SKIP LOCKED)"


class Stamp(models.Model):
    shard = models.PositiveSmallIntegerField(primary_key=True)
    n = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.shard}: {self.n}"


def watch(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Receives `connection_created`: counts what this connection writes from now on."""
    if not any(getattr(wrapper, "is_stamp", False) for wrapper in connection.execute_wrappers):
        connection.execute_wrappers.append(_count)


def _count(
    execute: Callable[..., object],
    sql: str,
    params: object,
    many: bool,
    context: Mapping[str, Any],
) -> object:
    """Raises the number after a statement that wrote something that is shown."""
    result = execute(sql, params, many, context)
    written = _WRITE.match(sql)
    if written and written["table"] not in _SILENT_TABLES and not _CLAIM.match(sql):
        _raise(context["connection"])
    return result


_count.is_stamp = True  # type: ignore[attr-defined]


def _raise(connection: BaseDatabaseWrapper) -> None:
    shard = _FREE if connection.vendor == "postgresql" else "0"
    with connections[connection.alias].cursor() as cursor:
        cursor.execute(_RAISE.format(shard))
        if cursor.rowcount == 0:
            # It is the first write of all.
            shards = [Stamp(shard=number) for number in range(SHARDS)]
            Stamp.objects.bulk_create(shards, ignore_conflicts=True)
            cursor.execute(_RAISE.format("0"))
