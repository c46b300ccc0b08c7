"""Writes all rows into a file, as they were at one moment, while everything runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import BinaryIO

from django.apps import apps
from django.db import connection, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.models.functions import Cast

from backups.transfer.data_file import DataFileWriter, Header, Table
from backups.transfer.tables import columns, kind, moved_tables

# An answer of a cloud may be large, and so many of them are in memory.
ROWS_AT_ONCE = 200


def write(out: BinaryIO, *, made_at: datetime) -> Header:
    """Returns what stands at the top of the file. Raises OSError and Django's Error."""
    writer = DataFileWriter(out)
    with _snapshot():
        header = _header(made_at)
        writer.header(header)
        for model in moved_tables(apps).values():
            for row in _rows(model):
                writer.row(row)
    writer.finish()
    return header


@contextmanager
def _snapshot() -> Iterator[None]:
    """All that is read within comes of one moment, and nobody waits for it."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with transaction.atomic():
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                # It may take minutes, of which it waits for a slow disk or pipe.
                cursor.execute("SET LOCAL statement_timeout = 0")
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                yield
        else:
            # Django's own would take the one lock of writers at once.
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def _header(made_at: datetime) -> Header:
    tables: list[Table] = []
    app_labels: set[str] = set()
    for label, model in moved_tables(apps).items():
        names = tuple(field.name for field in columns(model))
        tables.append(Table(label, names, model._base_manager.count()))
        app_labels.add(model._meta.app_label)
    migrations: dict[str, list[str]] = {}
    for app, name in sorted(MigrationLoader(connection).applied_migrations):
        if app in app_labels:
            migrations.setdefault(app, []).append(name)
    return Header(made_at.isoformat(timespec="seconds"), migrations, tuple(tables))


def _rows(model: type[models.Model]) -> Iterator[list[object]]:
    selected: list[str | Cast] = []
    times: list[int] = []
    for position, field in enumerate(columns(model)):
        if kind(field) == "DateTimeField":
            # Both databases hand out a time as text faster than as a datetime.
            selected.append(Cast(field.name, models.TextField()))
            times.append(position)
        else:
            selected.append(field.name)
    query = model._base_manager.order_by("pk").values_list(*selected)
    for stored in query.iterator(chunk_size=ROWS_AT_ONCE):
        row = list(stored)
        for position in times:
            if row[position] is not None:
                row[position] = _time(row[position])
        yield row


def _time(text: str) -> str:
    """Brings what SQLite keeps, which is in UTC, and what PostgreSQL writes into one form."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    return f"{time.isoformat(timespec='microseconds')}Z"
