"""Many rows at once: what Django's own bulk calls take several times as long for.

PostgreSQL gets the columns as arrays, SQLite the rows one after another inside the C library. Values are Python's;
times are aware and in UTC.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, models

Row = Sequence[Any]


def rows(query: models.QuerySet[Any], columns: Sequence[str]) -> list[list[Any]]:
    """What `query.values_list(*columns)` gives; on SQLite without Django's converters, which take most of the time."""
    narrowed = query.values_list(*columns)
    if connection.vendor == "postgresql":
        return [list(row) for row in narrowed]
    sql, values = narrowed.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found = [list(row) for row in cursor.fetchall()]
    for at, field in enumerate(_fields(query.model, columns)):
        read = _FROM_SQLITE.get(field.get_internal_type())
        if read is not None:
            for row in found:
                if row[at] is not None:
                    row[at] = read(row[at])
    return found


def update(model: type[models.Model], columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Set `columns` of the rows whose primary key stands first in each of `rows`, before the values."""
    if not rows:
        return
    key, *fields = _fields(model, ["pk", *columns])
    table, name = _quoted(model._meta.db_table), _quoted(key.column)
    if connection.vendor == "postgresql":
        sets = ", ".join(f"{_quoted(f.column)} = new.{_quoted(f.column)}" for f in fields)
        source, values = _arrays([key, *fields], rows)
        _execute(f"UPDATE {table} SET {sets} FROM {source} WHERE {table}.{name} = new.{name}", values)  # noqa: S608
        return
    sets = ", ".join(f"{_quoted(f.column)} = %s" for f in fields)
    turned = [(*row[1:], row[0]) for row in _adapted([key, *fields], rows)]
    _execute_many(f"UPDATE {table} SET {sets} WHERE {name} = %s", turned)  # noqa: S608 - names of our own models


def insert(model: type[models.Model], columns: Sequence[str], rows: Sequence[Row], *, replace: bool = False) -> None:
    """Add rows. `replace`: where the first column, a unique one, is there already, the others are overwritten."""
    if not rows:
        return
    fields = _fields(model, columns)
    table, names = _quoted(model._meta.db_table), [_quoted(f.column) for f in fields]
    end = ""
    if replace:
        sets = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        end = f" ON CONFLICT ({names[0]}) DO UPDATE SET {sets}"
    if connection.vendor == "postgresql":
        source, values = _arrays(fields, rows)
        chosen = ", ".join(f"new.{name}" for name in names)
        _execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} FROM {source}{end}", values)  # noqa: S608
        return
    marks = ", ".join(["%s"] * len(fields))
    _execute_many(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}){end}", _adapted(fields, rows))  # noqa: S608


def _fields(model: type[models.Model], names: Sequence[str]) -> list[Any]:
    known = model._meta
    return [known.pk if name == "pk" else known.get_field(name) for name in names]


def _arrays(fields: Sequence[Any], rows: Sequence[Row]) -> tuple[str, list[list[Any]]]:
    """A FROM item named `new` with one array parameter per column; JSON travels as text."""
    kinds = [str(field.rel_db_type(connection) if field.is_relation else field.db_type(connection)) for field in fields]
    marks = ", ".join("%s::text[]" if kind == "jsonb" else f"%s::{kind}[]" for kind in kinds)
    names = ", ".join(_quoted(field.column) for field in fields)
    casts = ", ".join(
        f"{_quoted(field.column)}::jsonb" if kind == "jsonb" else _quoted(field.column)
        for field, kind in zip(fields, kinds, strict=True)
    )
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
    for at, kind in enumerate(kinds):
        if kind == "jsonb":
            columns[at] = [_json(value) for value in columns[at]]
    return f"(SELECT {casts} FROM unnest({marks}) AS plain({names})) AS new({names})", columns  # noqa: S608


def _adapted(fields: Sequence[Any], rows: Sequence[Row]) -> list[list[Any]]:
    """The rows as SQLite keeps them, in the very forms that Django writes."""
    found = [list(row) for row in rows]
    for at, field in enumerate(fields):
        adapt = _SQLITE.get(field.target_field.get_internal_type() if field.is_relation else field.get_internal_type())
        if adapt is not None:
            for row in found:
                row[at] = adapt(row[at])
    return found


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _time(value: datetime | None) -> str | None:
    return None if value is None else str(value.replace(tzinfo=None))


def _uuid(value: UUID | None) -> str | None:
    return None if value is None else value.hex


_SQLITE: dict[str, Callable[[Any], Any]] = {"JSONField": _json, "DateTimeField": _time, "UUIDField": _uuid}
_FROM_SQLITE: dict[str, Callable[[Any], Any]] = {  # what Django's connection does not turn by the column's type
    "JSONField": json.loads,
    "UUIDField": UUID,
    "DateTimeField": lambda naive: naive.replace(tzinfo=UTC),
}


def _quoted(name: str) -> str:
    return str(connection.ops.quote_name(name))


def _execute(sql: str, values: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def _execute_many(sql: str, rows: Sequence[Row]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)
