"""List calls: filters, order, and the two flawed generations of paging (`backups/vbs/API.md`
§6).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from backups.simulator.body import Form
from backups.simulator.store import Row

MAX_LIMIT = 1000  # osapi_max_limit
BIGGEST = 2**63 - 1
SORT_KEYS = (
    "name",
    "status",
    "container_format",
    "disk_format",
    "size",
    "id",
    "created_at",
    "updated_at",
)
Paging = Literal["marker", "offset"]
Item = TypeVar("Item")


class BadQueryError(ValueError):
    """A word of the query makes no sense; the message is the server's."""


class NoMarkerError(LookupError):
    """The marker names no backup."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of the list is asked for. `limit` is never more than MAX_LIMIT."""

    limit: int
    offset: int
    marker: str | None

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> "Window":
        limit = _whole(arguments, "limit", MAX_LIMIT)
        return cls(
            min(limit, MAX_LIMIT), _whole(arguments, "offset", 0), arguments.get("marker") or None
        )

    def cut(
        self, items: Sequence[Item], *, paging: Paging, id_of: Callable[[Item], str]
    ) -> Sequence[Item]:
        """The old generation ("offset") slices and ignores the marker; the new one honours both."""
        start = self.offset
        if paging == "marker" and self.marker:
            start += 1 + _place(items, self.marker, id_of)
        return items[start : start + self.limit]

    def shifted(self, rows: int) -> "Window":
        """As if `rows` rows had been inserted in front between every two pages, which may
        overlap.
        """
        pages = -(-self.offset // self.limit) if self.limit else 0
        return replace(self, offset=max(0, self.offset - rows * pages))


def _whole(arguments: Mapping[str, str], word: str, default: int) -> int:
    text = arguments.get(word)
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError as problem:
        raise BadQueryError(f"{word} param must be an integer") from problem
    if not 0 <= number <= BIGGEST:
        raise BadQueryError(
            f"{word} param must be positive" if number < 0 else f"{word} param is too big"
        )
    return number


def _place(items: Sequence[Item], marker: str, id_of: Callable[[Item], str]) -> int:
    for place, item in enumerate(items):
        if id_of(item) == marker:
            return place
    raise NoMarkerError(marker)


def next_link(arguments: Mapping[str, str], *, base: str, last_id: str) -> dict[str, str]:
    """Both generations copy the request's own words and add the marker: who follows it repeats or
    skips rows.
    """
    return {"href": f"{base}?{urlencode({**arguments, 'marker': last_id})}", "rel": "next"}


def chosen(
    rows: list[Row], arguments: Mapping[str, str], *, now: float, form: Form
) -> Sequence[Row]:
    """Filtered by name, status, volume_id; by default the newest comes first."""
    for word, value_of in _filters(now).items():
        wanted = arguments.get(word)
        if wanted is not None:
            rows = [row for row in rows if value_of(row) == wanted]
    sort_key, descending = arguments.get("sort_key", "created_at"), _descending(arguments)
    if sort_key not in SORT_KEYS:
        raise BadQueryError(f"Invalid sort key {sort_key}")
    order = _orders(now, form).get(sort_key)
    if order is not None:
        rows = sorted(rows, key=order)
    return rows[::-1] if descending else rows


def _descending(arguments: Mapping[str, str]) -> bool:
    direction = arguments.get("sort_dir", "desc")
    if direction not in ("asc", "desc"):
        raise BadQueryError(f"Invalid sort direction {direction}")
    return direction == "desc"


def _filters(now: float) -> dict[str, Callable[[Row], Any]]:
    return {
        "volume_id": lambda row: row.volume_id,
        "status": lambda row: row.status(now),
        "name": lambda row: row.name(now),
    }


def _orders(now: float, form: Form) -> dict[str, Callable[[Row], Any]]:
    """created_at is the order that rows have; the documented keys of images sort nothing here."""

    def written(row: Row, key: str) -> Any:
        return json.loads(row.encode(now, form)).get(key)

    return {
        "id": lambda row: row.id,
        "name": lambda row: (row.name(now) or "", row.key),
        "status": lambda row: (row.status(now), row.key),
        "size": lambda row: (written(row, "size") or 0, row.key),
        "updated_at": lambda row: (written(row, "updated_at") or "", row.key),
    }
