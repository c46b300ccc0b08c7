"""What the lists of policies, vaults and tasks have in common: keys with blanks at their ends,
values of another type than is promised, pages of an own offset (API.md §12.5, §12.8).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from backups.vbs import fields
from backups.vbs.dialect import Ask
from backups.vbs.errors import Malformed
from backups.vbs.fields import Problems
from backups.vbs.ids import normal, stands_for_none, why_no_id
from backups.vbs.json_object import JsonObject

MAX_PAGES: Final = 100
MOST_KEPT: Final = 99_999  # Backups or days of a retention: the most that CBR takes.
INT4: Final = 2**31 - 1  # The largest count that both databases hold in a column of counts.
_LONGEST_TASK: Final = timedelta(days=7)  # No run takes longer; an end beyond is not believed.


@dataclass
class Entries:
    """`is_whole` False: what is not named may be there all the same."""

    entries: list[JsonObject] = field(default_factory=list)
    is_whole: bool = True
    problems: Problems = field(default_factory=list)

    def doubt(self, sentence: str) -> None:
        self.is_whole = False
        if sentence not in self.problems:
            self.problems.append(sentence)


def stripped(value: object, depth: int = 0) -> object:
    """Returns a JSON value without blanks around its keys; a key that is there without them
    counts.
    """
    if depth > fields.MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [stripped(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    clean: JsonObject = {}
    for key, item in value.items():
        if key.strip() == key or key.strip() not in value:
            clean[key.strip()] = stripped(item, depth + 1)
    return clean


def list_of(body: Mapping[str, object], key: str, into: Entries) -> list[object]:
    """Returns the list of an answer. `null` may be an empty one, or one that was left out. Raises
    Malformed where there is none.
    """
    values = stripped(body)
    entries = values.get(key, ...) if isinstance(values, dict) else ...
    if entries is None:
        into.doubt(f"The list “{key}” is null.")
        return []
    if not isinstance(entries, list):
        raise Malformed(f'The answer has no list under "{key}".', http_status=200)
    return entries


def read_pages(
    ask: Ask,
    path: str,
    key: str,
    query: Mapping[str, str | int],
    *,
    into: Entries | None = None,
) -> Entries:
    """Reads a list page by page, by own offset, until a page is empty or short. That the count of
    the answer has come is no end: it may be that of the page (API.md §12.2). A larger one says that
    there is more, where the answer does not tell how long a page is.

    What comes on two pages, or on one of them with another content, says that the list changed
    meanwhile: something may have slipped past. `into` has what came, also where a page fails.
    """
    pages = Entries() if into is None else into
    by_id: dict[str, JsonObject] = {}
    try:
        _read_pages(ask, path, key, query, by_id, pages)
    finally:
        pages.entries += by_id.values()
    return pages


def _read_pages(
    ask: Ask,
    path: str,
    key: str,
    query: Mapping[str, str | int],
    by_id: dict[str, JsonObject],
    pages: Entries,
) -> None:
    offset = 0
    first_page: list[object] = []
    for _ in range(MAX_PAGES):
        # Some lists take no offset below 1.
        whole_query = {**query, "offset": offset} if offset else query
        body = ask(path, whole_query)
        entries = list_of(body, key, pages)
        if offset and "limit" not in query and entries == first_page:
            # It has no pages, whatever limit it names.
            if _tells_of_more(body, len(by_id)):
                pages.doubt(f"The list “{key}” has more entries by its own count than came.")
            break
        first_page = first_page or entries
        is_new = _add(entries, by_id, pages)
        limit = _page_length(body, query)
        is_short = limit is None or len(entries) < limit
        is_more_told = _tells_of_more(body, len(by_id))
        if not entries or (is_short and not is_more_told):
            if is_more_told:
                pages.doubt(f"The list “{key}” has more entries by its own count than came.")
            break
        if not is_new:
            pages.doubt(f"The list “{key}” repeats its page.")
            break
        offset += len(entries)
    else:
        pages.doubt(f"The list “{key}” has no end.")


def _add(entries: Sequence[object], by_id: dict[str, JsonObject], pages: Entries) -> bool:
    """Adds the entries of a page by their IDs; was any of them new?"""
    is_new = False
    for entry in entries:
        entry_id = identifier(entry, "id")
        if entry_id is None or not isinstance(entry, dict):
            pages.doubt("An entry has no ID that can be read.")
            continue
        if entry_id in by_id:
            pages.doubt("The list changed while it was read: an entry came twice.")
        else:
            is_new = True
        by_id[entry_id] = entry
    return is_new


def _tells_of_more(body: JsonObject, came: int) -> bool:
    """Does an answer count more entries than came, without saying how long a page is?"""
    count = fields.integer(body, "count", [])
    return count is not None and count > came and body.get("limit") is None


def _page_length(body: JsonObject, query: Mapping[str, str | int]) -> int | None:
    """Returns how many entries a full page has: what was asked for, or fewer where the answer says
    so; None when neither tells.
    """
    told = fields.integer(body, "limit", [], least=1)
    asked = query.get("limit")
    if isinstance(asked, int):
        return asked if told is None else min(asked, told)
    return told


def identifier(entry: object, *keys: str) -> str | None:
    """Returns the first ID under one of the keys that can be one."""
    if not isinstance(entry, dict):
        return None
    for key in keys:
        value = entry.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and not stands_for_none(value) and why_no_id(value) is None:
            return normal(value)
    return None


def believed_end(started_at: datetime, ended_at: datetime | None) -> datetime | None:
    """Returns when a task ended; None where it says a time before its start, or days after it."""
    if ended_at is None or not timedelta(0) <= ended_at - started_at <= _LONGEST_TASK:
        return None
    return ended_at


def objects(value: object, unreadable: Callable[[], None]) -> list[JsonObject]:
    """Returns the objects of a list; calls `unreadable` for each other thing."""
    if not isinstance(value, list):
        unreadable()
        return []
    entries: list[JsonObject] = []
    for item in value:
        if isinstance(item, dict):
            entries.append(item)
        else:
            unreadable()
    return entries


def texts(source: Mapping[str, object], key: str, problems: Problems) -> list[str] | None:
    """Returns the texts of a list, or of one text with commas, as they are written; None when there
    is nothing.
    """
    value = source.get(key)
    if value is None or value == "":
        return None
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list):
        return fields.refuse(problems, key, value, "it is no list of texts")
    read: list[str] = []
    for item in items:
        if not isinstance(item, str):
            fields.refuse(problems, key, item, "it is no text")
        elif item.strip():
            read.append(fields.clean(item.strip())[: fields.SHORT])
    return read


def nested(source: Mapping[str, object], key: str, problems: Problems) -> JsonObject:
    """Returns an object inside another one; an empty one where there is none."""
    value = source.get(key)
    if isinstance(value, dict):
        return value
    fields.refuse(problems, key, value, "it is no object")
    return {}
