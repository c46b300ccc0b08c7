"""A number that rises with every write to what pages and API show, however the write was made.

It is raised inside the writing transaction, so whoever sees the number sees the data. There are
many rows so that transactions at the same time never wait for each other; the sum counts.
"""

import re
from collections.abc import Callable
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

SHARDS = 64
_SILENT = (
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


def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Receiver of `connection_created`: count what this connection writes."""
    if not any(getattr(one, "is_stamp", False) for one in connection.execute_wrappers):
        connection.execute_wrappers.append(_count)


def _count(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    result = execute(sql, params, many, context)
    written = _WRITE.match(sql)
    if written and written["table"] not in _SILENT and not _CLAIM.match(sql):
        _raise(context["connection"])
    return result


_count.is_stamp = True  # type: ignore[attr-defined]


def _raise(connection: BaseDatabaseWrapper) -> None:
    shard = _FREE if connection.vendor == "postgresql" else "0"
    with connections[connection.alias].cursor() as cursor:
        cursor.execute(_RAISE.format(shard))
        if cursor.rowcount == 0:  # the first write of all
            Stamp.objects.bulk_create(
                [Stamp(shard=n) for n in range(SHARDS)], ignore_conflicts=True
            )
            cursor.execute(_RAISE.format("0"))
