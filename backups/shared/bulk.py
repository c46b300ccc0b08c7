"""Reads, updates and inserts many rows at once: Django's own bulk calls take several times as long.

PostgreSQL gets the rows as one JSON text, because psycopg quotes each element of an array by
itself. SQLite gets them one after another, in a loop inside the C library. Values are Python's;
times are aware and in UTC.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.core.exceptions import FieldDoesNotExist
from django.db import connection, models
from django.db.models.functions import Cast

# The values of one row, in the order of the columns asked for.
Row = Sequence[object]
ReadRow = list[Any]

Field = models.Field[Any, Any]
Converter = Callable[[Any], object]


def rows(query: models.QuerySet[Any], columns: Sequence[str]) -> list[ReadRow]:
    """Returns `query.values_list(*columns)`, without Django's converters, which take
    most of the time.
    """
    selected: list[str | Cast] = []
    converters: dict[int, Converter] = {}
    for position, field in enumerate(_fields(query.model, columns)):
        kind = field.get_internal_type()
        if kind == "DateTimeField":
            # Both databases hand out a time as text faster than as a datetime.
            selected.append(Cast(columns[position], models.TextField()))
        else:
            selected.append(columns[position])
        converter = _converters_from_database().get(kind)
        if converter is not None:
            converters[position] = converter
    sql, parameters = query.values_list(*selected).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return _converted(cursor.fetchall(), converters)


def update(model: type[models.Model], columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Sets `columns` of many rows; each of `rows` is a primary key, then the values."""
    if not rows:
        return
    key, *fields = _fields(model, ["pk", *columns])
    table = _quoted(model._meta.db_table)
    key_column = _quoted_column(key)
    names = _quoted_columns(fields)
    if connection.vendor == "postgresql":
        assignments = _assignments(names, "new")
        source = _json_recordset("new", [key, *fields])
        _execute(
            f"UPDATE {table} SET {assignments} FROM {source}"
            f" WHERE {table}.{key_column} = new.{key_column}",
            [_json_objects([key, *fields], rows)],
        )
    else:
        assignments = ", ".join(f"{name} = %s" for name in names)
        key_last = [[*row[1:], row[0]] for row in _for_sqlite([key, *fields], rows)]
        _execute_many(f"UPDATE {table} SET {assignments} WHERE {key_column} = %s", key_last)


def insert(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Row], *, replace: bool = False
) -> None:
    """Inserts many rows.

    With `replace`, a row whose first column, a unique one, is there already is overwritten.
    """
    if not rows:
        return
    fields = _fields(model, columns)
    table = _quoted(model._meta.db_table)
    names = _quoted_columns(fields)
    into = f"INSERT INTO {table} ({', '.join(names)})"
    on_conflict = ""
    if replace:
        assignments = _assignments(names[1:], "excluded")
        on_conflict = f" ON CONFLICT ({names[0]}) DO UPDATE SET {assignments}"
    if connection.vendor == "postgresql":
        selected = ", ".join(f"new.{name}" for name in names)
        source = _json_recordset("new", fields)
        _execute(
            f"{into} SELECT {selected} FROM {source}{on_conflict}", [_json_objects(fields, rows)]
        )
    else:
        marks = ", ".join(["%s"] * len(fields))
        _execute_many(f"{into} VALUES ({marks}){on_conflict}", _for_sqlite(fields, rows))


def json_table(name: str, columns: Mapping[str, str]) -> str:
    """Returns a FROM item that reads the parameter of its name: a JSON list of lists, one per row.

    `columns` are the types by name, as PostgreSQL calls them. Dates in SQLite are texts anyway.
    """
    selected = []
    if connection.vendor == "postgresql":
        function = f"json_array_elements(%({name})s::json)"
        for position, (column, kind) in enumerate(columns.items()):
            selected.append(f"(value->>{position})::{kind} AS {column}")
    else:
        function = f"json_each(%({name})s)"
        for position, column in enumerate(columns):
            selected.append(f"json_extract(value, '$[{position}]') AS {column}")
    return f"(SELECT {', '.join(selected)} FROM {function}) AS {name}"


def _fields(model: type[models.Model], names: Sequence[str]) -> list[Field]:
    fields: list[Field] = []
    for name in names:
        field = model._meta.pk if name == "pk" else model._meta.get_field(name)
        if not isinstance(field, models.Field):
            raise FieldDoesNotExist(f"{name} has no column")
        fields.append(field)
    return fields


def _json_recordset(name: str, fields: Sequence[Field]) -> str:
    """Returns a FROM item for PostgreSQL that reads one parameter: see _json_objects."""
    columns = []
    for field in fields:
        db_type = field.rel_db_type if field.is_relation else field.db_type
        columns.append(f"{_quoted_column(field)} {db_type(connection)}")
    return f"json_to_recordset(%s) AS {name}({', '.join(columns)})"


def _json_objects(fields: Sequence[Field], rows: Sequence[Row]) -> str:
    columns = [field.column for field in fields]
    return json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=str)


def _for_sqlite(fields: Sequence[Field], rows: Sequence[Row]) -> list[ReadRow]:
    """Returns the rows in the very forms that Django writes to SQLite."""
    converters: dict[int, Converter] = {}
    for position, field in enumerate(fields):
        own = field.target_field if isinstance(field, models.ForeignKey) else field
        converter = _TO_SQLITE.get(own.get_internal_type())
        if converter is not None:
            converters[position] = converter
    return _converted(rows, converters)


def _converted(rows: Sequence[Row], converters: Mapping[int, Converter]) -> list[ReadRow]:
    """Returns the rows with the values of some positions converted; NULL stays."""
    converted = [list(row) for row in rows]
    for position, converter in converters.items():
        for row in converted:
            if row[position] is not None:
                row[position] = converter(row[position])
    return converted


@lru_cache(maxsize=4096)
def _time_to_sqlite(value: datetime) -> str:
    """Most rows of a batch have the same times, so it is cached."""
    return str(value.replace(tzinfo=None))


def _time_from_text(text: str) -> datetime:
    """Reads a time as SQLite keeps it, and as PostgreSQL writes it in a session in UTC."""
    return datetime.fromisoformat(text if text[-3] == "+" else f"{text}+00:00")


_TO_SQLITE: dict[str, Converter] = {
    "JSONField": json.dumps,
    "DateTimeField": _time_to_sqlite,
    "UUIDField": lambda value: value.hex,
}


def _converters_from_database() -> dict[str, Converter]:
    """Returns what the connections do not convert by themselves, by the type of the column."""
    if connection.vendor == "postgresql":
        return {"DateTimeField": _time_from_text, "JSONField": json.loads}
    return {"DateTimeField": _time_from_text, "JSONField": json.loads, "UUIDField": UUID}


def _assignments(names: Sequence[str], source: str) -> str:
    return ", ".join(f"{name} = {source}.{name}" for name in names)


def _quoted_columns(fields: Sequence[Field]) -> list[str]:
    return [_quoted_column(field) for field in fields]


def _quoted_column(field: Field) -> str:
    return _quoted(str(field.column))


def _quoted(name: str) -> str:
    return str(connection.ops.quote_name(name))


def _execute(sql: str, parameters: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def _execute_many(sql: str, rows: Sequence[ReadRow]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)
