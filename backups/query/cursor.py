"""A place in an ordered list, as text that goes into a URL and comes back."""

import base64
import binascii
import json
import uuid
from dataclasses import dataclass
from typing import Any

from backups.query.definition import Listing
from backups.query.fields import BadValue
from backups.query.selection import Selection

MAX_CURSOR = 8192  # characters


class BadCursor(ValueError):
    """Not a cursor that this list gave out in this order; the text is a sentence for a person."""

    def __init__(self) -> None:
        super().__init__(
            "This cursor is none that this list gave out in this order: begin with the first page."
        )


@dataclass(frozen=True)
class Place:
    """Where a row stands: its segment of the order, its value there, its primary key."""

    segment: int
    value: Any
    pk: Any


@dataclass(frozen=True)
class Cursor:
    """Rows after a place, or before it when `backwards`; without a place: from the very end."""

    backwards: bool
    place: Place | None

    def write(self, listing: Listing, ordering: str) -> str:
        place = self.place
        value = (
            place.value.isoformat()
            if place and hasattr(place.value, "isoformat")
            else place and place.value
        )
        parts = [
            listing.name,
            ordering,
            int(self.backwards),
            *([place.segment, value, str(place.pk)] if place else []),
        ]
        return (
            base64.urlsafe_b64encode(json.dumps(parts, default=str).encode()).decode().rstrip("=")
        )


LAST = Cursor(backwards=True, place=None)


def read_cursor(text: str, listing: Listing, selection: Selection) -> Cursor:
    """Raises BadCursor."""
    try:
        if len(text) > MAX_CURSOR:
            raise BadCursor
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if parts[:2] != [listing.name, selection.ordering] or parts[2] not in (0, 1):
            raise BadCursor
        if len(parts) == 3:
            return Cursor(bool(parts[2]), None)
        _, _, backwards, segment, value, pk = parts
        return Cursor(bool(backwards), _place(listing, selection, segment, value, pk))
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        RecursionError,
        binascii.Error,
        BadValue,
    ) as e:
        raise BadCursor from e


def _place(listing: Listing, selection: Selection, segment: Any, value: Any, pk: Any) -> Place:
    """Values were written by json, so numbers are numbers; times and IDs are text again."""
    words = listing.segment_words(selection.ordering)
    if (
        type(segment) is not int
        or not 0 <= segment < len(words)
        or (value is None) != (words[segment] is None)
    ):
        raise BadCursor
    if name := words[segment]:
        value = listing.columns[name].read(value if isinstance(value, str) else json.dumps(value))
    return Place(segment, value, _pk(listing, pk))


def _pk(listing: Listing, value: Any) -> Any:
    field = listing.model._meta.pk
    if not isinstance(value, str) or field is None:
        raise BadCursor
    return uuid.UUID(value) if field.get_internal_type() == "UUIDField" else int(value[:18])
