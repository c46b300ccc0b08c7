"""Many rows at once: what Django's own bulk calls take several times as long for.

PostgreSQL gets them as one JSON text, because of an array psycopg quotes each element by itself,
SQLite the rows one after another inside the C library. Values are Python's; times are aware and in
UTC.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.models.functions import Cast

Row = Sequence[Any]


def rows(query: models.QuerySet[Any], columns: Sequence[str]) -> list[list[Any]]:
    """What `query.values_list(*columns)` gives, without Django's converters, which take most of the
    time.
    """
    kinds = [field.get_internal_type() for field in _fields(query.model, columns)]
    times = {at for at, kind in enumerate(kinds) if kind == "DateTimeField"}
    narrowed = query.values_list(
        *(Cast(c, models.TextField()) if at in times else c for at, c in enumerate(columns))
    )
    sql, values = narrowed.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found = [list(row) for row in cursor.fetchall()]
    others = _FROM_SQLITE if connection.vendor == "sqlite" else _FROM_POSTGRESQL
    for at, kind in enumerate(kinds):
        read = _instant if at in times else others.get(kind)
        if read is not None:
            for row in found:
                if row[at] is not None:
                    row[at] = read(row[at])
    return found


def update(model: type[models.Model], columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Set `columns` of the rows whose primary key stands first in each of `rows`, before the
    values.
    """
    if not rows:
        return
    key, *fields = _fields(model, ["pk", *columns])
    table, name = _quoted(model._meta.db_table), _quoted(key.column)
    if connection.vendor == "postgresql":
        sets = ", ".join(f"{_quoted(f.column)} = new.{_quoted(f.column)}" for f in fields)
        source, values = _recordset([key, *fields], rows)
        _execute(
            f"UPDATE {table} SET {sets} FROM {source} WHERE {table}.{name} = new.{name}", values
        )
        return
    sets = ", ".join(f"{_quoted(f.column)} = %s" for f in fields)
    turned = [(*row[1:], row[0]) for row in _adapted([key, *fields], rows)]
    _execute_many(f"UPDATE {table} SET {sets} WHERE {name} = %s", turned)


def insert(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Row], *, replace: bool = False
) -> None:
    """Add rows. `replace`: where the first column, a unique one, is there already, the others are
    overwritten.
    """
    if not rows:
        return
    fields = _fields(model, columns)
    table, names = _quoted(model._meta.db_table), [_quoted(f.column) for f in fields]
    end = ""
    if replace:
        sets = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        end = f" ON CONFLICT ({names[0]}) DO UPDATE SET {sets}"
    if connection.vendor == "postgresql":
        source, values = _recordset(fields, rows)
        chosen = ", ".join(f"new.{name}" for name in names)
        _execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} FROM {source}{end}", values
        )
        return
    marks = ", ".join(["%s"] * len(fields))
    _execute_many(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}){end}", _adapted(fields, rows)
    )


def _fields(model: type[models.Model], names: Sequence[str]) -> list[Any]:
    known = model._meta
    return [known.pk if name == "pk" else known.get_field(name) for name in names]


def _recordset(fields: Sequence[Any], rows: Sequence[Row]) -> tuple[str, list[str]]:
    """A FROM item named `new` with the rows, and its parameter."""
    kinds = [
        str(field.rel_db_type(connection) if field.is_relation else field.db_type(connection))
        for field in fields
    ]
    named = ", ".join(
        f"{_quoted(field.column)} {kind}" for field, kind in zip(fields, kinds, strict=True)
    )
    columns = [field.column for field in fields]
    objects = [dict(zip(columns, row, strict=True)) for row in rows]
    return f"json_to_recordset(%s) AS new({named})", [json.dumps(objects, default=str)]


def _adapted(fields: Sequence[Any], rows: Sequence[Row]) -> list[list[Any]]:
    """The rows as SQLite keeps them, in the very forms that Django writes."""
    found = [list(row) for row in rows]
    for at, field in enumerate(fields):
        adapt = _SQLITE.get(
            field.target_field.get_internal_type()
            if field.is_relation
            else field.get_internal_type()
        )
        if adapt is not None:
            for row in found:
                row[at] = adapt(row[at])
    return found


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


@lru_cache(maxsize=4096)  # most rows of a batch have the same
def _time(value: datetime | None) -> str | None:
    return None if value is None else str(value.replace(tzinfo=None))


def _uuid(value: UUID | None) -> str | None:
    return None if value is None else value.hex


_SQLITE: dict[str, Callable[[Any], Any]] = {
    "JSONField": _json,
    "DateTimeField": _time,
    "UUIDField": _uuid,
}
_FROM_SQLITE: dict[
    str, Callable[[Any], Any]
] = {  # what Django's connection does not turn by the column's type
    "JSONField": json.loads,
    "UUIDField": UUID,
}
_FROM_POSTGRESQL: dict[str, Callable[[Any], Any]] = {"JSONField": json.loads}


def _instant(text: str) -> datetime:
    """As SQLite keeps it, and as PostgreSQL writes it in a session in UTC."""
    return datetime.fromisoformat(text if text[-3] == "+" else f"{text}+00:00")


def _quoted(name: str) -> str:
    return str(connection.ops.quote_name(name))


def _execute(sql: str, values: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def _execute_many(sql: str, rows: Sequence[Row]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)
