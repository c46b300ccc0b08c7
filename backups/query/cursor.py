"""A place in an ordered list, as text that goes into a URL and comes back."""

import base64
import binascii
import json
import uuid
from dataclasses import dataclass
from typing import Any

from backups.query.definition import ListDefinition
from backups.query.fields import InvalidValue
from backups.query.list_query import ListQuery

MAX_CURSOR = 8192  # characters


class BadCursor(ValueError):
    """Not a cursor that this list gave out in this order; the text is a sentence for a person."""

    def __init__(self) -> None:
        super().__init__(
            "This cursor is none that this list gave out in this order: begin with the first page."
        )


@dataclass(frozen=True)
class Place:
    """Where a row stands: its segment of the order, its value there, its primary key.

    `value` has the type of the column that orders the segment; None where the key alone does.
    """

    segment: int
    value: Any
    pk: Any


@dataclass(frozen=True)
class Cursor:
    """Rows after a place, or before it when `backwards`; without a place: from the very end."""

    backwards: bool
    place: Place | None

    def write(self, definition: ListDefinition, ordering: str) -> str:
        parts = [definition.name, ordering, int(self.backwards)]
        if self.place is not None:
            value = self.place.value
            if hasattr(value, "isoformat"):
                value = value.isoformat()
            parts += [self.place.segment, value, str(self.place.pk)]
        text = json.dumps(parts, default=str)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


FIRST = Cursor(backwards=False, place=None)
LAST = Cursor(backwards=True, place=None)


def read_cursor(text: str, definition: ListDefinition, query: ListQuery) -> Cursor:
    """Parses what `Cursor.write` wrote. Raises BadCursor."""
    try:
        if len(text) > MAX_CURSOR:
            raise BadCursor
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if parts[:2] != [definition.name, query.ordering] or parts[2] not in (0, 1):
            raise BadCursor
        if len(parts) == 3:
            return Cursor(bool(parts[2]), None)
        _, _, backwards, segment, value, pk = parts
        columns = definition.segment_columns(query.ordering)
        return Cursor(bool(backwards), _place(definition, columns, segment, value, pk))
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        RecursionError,
        binascii.Error,
        InvalidValue,
    ) as e:
        raise BadCursor from e


def _place(
    definition: ListDefinition,
    columns: list[str | None],
    segment: object,
    value: object,
    pk: object,
) -> Place:
    """Values were written by json, so numbers are numbers; times and IDs are text again."""
    # A bool is an int as well, and no segment.
    if type(segment) is not int or not 0 <= segment < len(columns):
        raise BadCursor
    column = columns[segment]
    if (value is None) != (column is None):
        raise BadCursor
    if column is not None:
        text = value if isinstance(value, str) else json.dumps(value)
        value = definition.field_of_order(column).parse(text)
    return Place(segment, value, _primary_key(definition, pk))


def _primary_key(definition: ListDefinition, value: object) -> uuid.UUID | int:
    field = definition.model._meta.pk
    if not isinstance(value, str) or field is None:
        raise BadCursor
    if field.get_internal_type() == "UUIDField":
        return uuid.UUID(value)
    return int(value[:18])
