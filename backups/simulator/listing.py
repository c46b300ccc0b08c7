"""List calls: filters, order, and the two flawed generations of paging (`backups/vbs/API.md`
§6).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from backups.simulator.body import Form
from backups.simulator.faults import Fault
from backups.simulator.store import Row

MAX_LIMIT = 1000  # Cinder's osapi_max_limit.
BIGGEST = 2**63 - 1  # Of a limit or an offset.
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
    """An argument of the query makes no sense; the message is the server's."""


class NoMarkerError(LookupError):
    """The marker names no backup."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of the list is asked for. `limit` is never more than MAX_LIMIT."""

    limit: int
    offset: int
    marker: str | None

    @classmethod
    def of(cls, arguments: Mapping[str, str], *, default: int = MAX_LIMIT) -> "Window":
        """Returns what the query asks for; `default`: the limit where it names none."""
        limit = _whole(arguments, "limit", default)
        offset = _whole(arguments, "offset", 0)
        return cls(min(limit, MAX_LIMIT), offset, arguments.get("marker") or None)

    def cut(
        self, items: Sequence[Item], *, paging: Paging, id_of: Callable[[Item], str]
    ) -> Sequence[Item]:
        """Returns the part. The old generation ("offset") slices and ignores the marker; the new
        one honours both.
        """
        start = self.offset
        if paging == "marker" and self.marker:
            start += 1 + _position(items, self.marker, id_of)
        return items[start : start + self.limit]

    def shifted(self, rows: int) -> "Window":
        """Returns the part as if `rows` rows had been inserted in front between every two pages,
        which may overlap.
        """
        if not self.limit:
            return self
        pages = (self.offset + self.limit - 1) // self.limit
        return replace(self, offset=max(0, self.offset - rows * pages))


def window_of(
    arguments: Mapping[str, str], faults: Mapping[str, Fault], *, default: int = MAX_LIMIT
) -> Window:
    """Returns what the query asks for, as the faults of lists distort it."""
    window = Window.of(arguments, default=default)
    if "endless" in faults:
        return replace(window, offset=0, marker=None)
    if "shift" in faults:
        return window.shifted(faults["shift"].rows)
    return window


def _whole(arguments: Mapping[str, str], name: str, default: int) -> int:
    text = arguments.get(name)
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError as problem:
        raise BadQueryError(f"{name} param must be an integer") from problem
    if number < 0:
        raise BadQueryError(f"{name} param must be positive")
    if number > BIGGEST:
        raise BadQueryError(f"{name} param is too big")
    return number


def _position(items: Sequence[Item], marker: str, id_of: Callable[[Item], str]) -> int:
    for position, item in enumerate(items):
        if id_of(item) == marker:
            return position
    raise NoMarkerError(marker)


def next_link(arguments: Mapping[str, str], *, base: str, last_id: str) -> dict[str, str]:
    """Returns the link to the next page: both generations copy the request's own arguments and add
    the marker, so who follows it repeats or skips rows.
    """
    query = urlencode({**arguments, "marker": last_id})
    return {"href": f"{base}?{query}", "rel": "next"}


def filtered_and_sorted(
    rows: list[Row], arguments: Mapping[str, str], *, now: float, form: Form
) -> Sequence[Row]:
    """Returns the rows by name, status and volume_id of the query; by default
    the newest comes first.
    """
    volume_id = arguments.get("volume_id")
    if volume_id is not None:
        rows = [row for row in rows if row.volume_id == volume_id]
    status = arguments.get("status")
    if status is not None:
        rows = [row for row in rows if row.status(now) == status]
    name = arguments.get("name")
    if name is not None:
        rows = [row for row in rows if row.name(now) == name]
    is_descending = _is_descending(arguments)
    rows = _sorted(rows, arguments.get("sort_key", "created_at"), now, form)
    return rows[::-1] if is_descending else rows


def _is_descending(arguments: Mapping[str, str]) -> bool:
    direction = arguments.get("sort_dir", "desc")
    if direction not in ("asc", "desc"):
        raise BadQueryError(f"Invalid sort direction {direction}")
    return direction == "desc"


def _sorted(rows: list[Row], sort_key: str, now: float, form: Form) -> list[Row]:
    """Rows come in the order of created_at; the documented keys of images sort nothing here."""

    def encoded_value(row: Row, key: str) -> Any:
        return json.loads(row.encode(now, form)).get(key)

    if sort_key not in SORT_KEYS:
        raise BadQueryError(f"Invalid sort key {sort_key}")
    match sort_key:
        case "id":
            return sorted(rows, key=lambda row: row.id)
        case "name":
            return sorted(rows, key=lambda row: (row.name(now) or "", row.key))
        case "status":
            return sorted(rows, key=lambda row: (row.status(now), row.key))
        case "size":
            return sorted(rows, key=lambda row: (encoded_value(row, "size") or 0, row.key))
        case "updated_at":
            return sorted(rows, key=lambda row: (encoded_value(row, "updated_at") or "", row.key))
    return rows
