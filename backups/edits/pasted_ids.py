"""Backup IDs in what people paste: bare IDs, self-links, JSON, CSV or a client's table. Pure."""

import csv
import io
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from backups.vbs.fields import clean
from backups.vbs.ids import HYPHENATED, stands_for_none

_HEX = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_ID = re.compile(f"{HYPHENATED.pattern}|{_HEX.pattern}", re.IGNORECASE)
# Excel's own first line, which names the separator.
_SEPARATOR_LINE = re.compile(r'\A"?sep=[,;|\t" ]*[\r\n]\s*', re.IGNORECASE)
_TABLE_LINE = re.compile(r"[|+-]+")
_LINK = re.compile(r"https?://[^\s/]+/(?:\S*/)?backups/([^/?#\s]+)(?:[/?#]\S*)?", re.IGNORECASE)
# Characters: a cell of our own CSV may hold a whole answer of a cloud.
csv.field_size_limit(2**24)
MOST = 10_000  # IDs at once
MAX_SHOWN = 200  # characters of a text that are echoed


class TooMany(ValueError):
    """The text is a sentence for a person."""

    def __init__(self) -> None:
        super().__init__(f"More than {MOST:,} IDs at once; at most {MOST:,} are taken.")


@dataclass(frozen=True)
class Line:
    """`id` in lower case with hyphens, or None and the reason."""

    value: str
    id: str | None
    reason: str | None = None


def read_ids(*texts: str) -> list[Line]:
    """Returns every ID in the texts, in order. Raises TooMany.

    Of JSON, CSV and tables only the key or column `id` counts. A text without any ID has one line
    that says so: each text gets a verdict.
    """
    lines = list(islice(_lines(texts), MOST + 1))
    if len(lines) > MOST:
        raise TooMany
    return lines


def _lines(texts: Iterable[str]) -> Iterator[Line]:
    for text in texts:
        is_empty = True
        content = _SEPARATOR_LINE.sub("", text.strip().lstrip("\ufeff"), count=1)
        for value in _values(content):
            is_empty = False
            yield _line(value)
        if is_empty:
            yield Line(_shown(text), None, "There is no backup ID in this text.")


def _values(text: str) -> Iterator[str]:
    if text[:1] in ("{", "["):
        try:
            yield from _json_ids(json.loads(text))
            return
        except (ValueError, RecursionError):
            # It is no JSON after all: read it piece by piece.
            pass
    column = _id_column(text)
    if column is not None:
        yield from column
        return
    for piece in re.split(r"[\s,;]+", text):
        if piece and not _TABLE_LINE.fullmatch(piece):
            yield piece


def _json_ids(value: object) -> Iterator[str]:
    """Yields the `id` of each object on the way down, not of what an object with an ID holds; texts
    in lists count too.
    """
    if isinstance(value, list):
        for item in value:
            if isinstance(item, str | int | float):
                yield str(item)
            else:
                yield from _json_ids(item)
    elif isinstance(value, dict):
        own_id = next((item for key, item in value.items() if key.lower() == "id"), None)
        if own_id is not None:
            yield str(own_id)
            return
        for item in value.values():
            if isinstance(item, dict | list):
                yield from _json_ids(item)


def _id_column(text: str) -> list[str] | None:
    """Returns the column `id` of a client's table (`| ID | Name |`) or of CSV with a header; None
    when it is neither.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    if lines[0].lstrip().startswith(("+-", "|")):
        return _ids_of_table(lines)
    separator = next((character for character in ",;\t" if character in lines[0]), None)
    if separator is None:
        if lines[0].strip().lower() == "id":
            return [line.strip() for line in lines[1:]]
        return None
    try:
        rows = list(csv.reader(io.StringIO(text, newline=None), delimiter=separator))
    except csv.Error:
        # It is no CSV after all.
        return None
    return _ids_below_header(rows)


def _ids_of_table(lines: Sequence[str]) -> list[str] | None:
    rows = [_table_cells(line) for line in lines if line.lstrip().startswith("|")]
    if not rows:
        return None
    if len(rows) > 1 and [cell.lower() for cell in rows[0]] == ["field", "value"]:
        # What `… backup show` prints: one backup, a field a row. A row may have been cut off.
        return _values_of_id(rows[1:])
    ids: list[str] = []
    for row in rows:
        ids.extend(islice(filter(_ID.fullmatch, row), 1))
    if len(ids) == len(rows):
        # Rows that were picked from a table, without its header: the client prints the ID first.
        return ids
    return _ids_below_header(rows)


def _values_of_id(rows: Sequence[Sequence[str]]) -> list[str]:
    values: list[str] = []
    for row in rows:
        if row[0].lower() == "id":
            values += row[1:2]
    return values


def _table_cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _ids_below_header(rows: Sequence[Sequence[str]]) -> list[str] | None:
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    if "id" not in header:
        return None
    column = header.index("id")
    ids = []
    for row in rows[1:]:
        cell = row[column].strip() if len(row) > column else ""
        if cell:
            ids.append(cell)
    return ids


def _line(value: str) -> Line:
    text = value.strip("\"'<>()[]{}")
    link = _LINK.fullmatch(text)
    candidate = link[1] if link else text
    shown = _shown(value)
    if stands_for_none(candidate):
        return Line(shown, None, "Not a backup ID: it stands for none.")
    if HYPHENATED.fullmatch(candidate):
        return Line(shown, candidate.lower())
    if _HEX.fullmatch(candidate):
        return Line(shown, str(uuid.UUID(candidate)))
    if link:
        return Line(shown, None, "The link does not end in a backup ID.")
    return Line(shown, None, "Not a backup ID: a UUID has 32 hexadecimal digits.")


def _shown(value: str) -> str:
    """Returns what is echoed of a text that somebody sent: its beginning, and how long the
    whole of it is.
    """
    shown = clean(value[:MAX_SHOWN])
    return shown if len(value) <= MAX_SHOWN else f"{shown}… ({len(value):,} characters)"
