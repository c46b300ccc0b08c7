"""Lets Django empty all tables after a test, also the one that lets nobody delete."""

from collections.abc import Iterable

from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations

TABLE = "backups_auditentry"
OPENED = {
    "postgresql": (
        [f"ALTER TABLE {TABLE} DISABLE TRIGGER USER"],
        [f"ALTER TABLE {TABLE} ENABLE TRIGGER USER"],
    ),
    # What is put here is emptied with the other tables.
    "sqlite": (
        [
            "INSERT INTO backups_auditcut (before, nothing_id) VALUES ('later than any', 0)",
            f"DELETE FROM {TABLE}",
        ],
        [],
    ),
}


def let_flush_through() -> None:
    """Of all connections: beside a browser's event loop Django makes further ones."""
    operations = type(connection.ops)
    flush = operations.execute_sql_flush

    def flush_with_audit(self: BaseDatabaseOperations, statements: Iterable[str]) -> None:
        statements = list(statements)
        opening: list[str] = []
        closing: list[str] = []
        if any(TABLE in statement for statement in statements):
            opening, closing = OPENED[connection.vendor]
        flush(self, [*opening, *statements, *closing])

    operations.execute_sql_flush = flush_with_audit  # type: ignore[method-assign,assignment]
