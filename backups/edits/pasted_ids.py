"""Backup IDs in what people paste: bare IDs, self-links, JSON, CSV or a client's table. Pure."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from backups.vbs.fields import clean
from backups.vbs.ids import HYPHENATED, stands_for_none

_HEX = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_ID = re.compile(f"{HYPHENATED.pattern}|{_HEX.pattern}", re.IGNORECASE)
_DRAWN = re.compile(r"[|+-]+")  # of a table around it
_LINK = re.compile(r"https?://[^\s/]+/(?:\S*/)?backups/([^/?#\s]+)(?:[/?#]\S*)?", re.IGNORECASE)
csv.field_size_limit(2**24)  # characters; a cell of our own CSV may hold a whole answer of a cloud
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
    """Every ID in the texts, in order; of JSON, CSV and tables only the key or column `id` counts.
    Raises TooMany.

    A text without any has one line that says so: each text gets a verdict.
    """
    lines = list(islice(_lines(texts), MOST + 1))
    if len(lines) > MOST:
        raise TooMany
    return lines


def _lines(texts: Iterable[str]) -> Iterator[Line]:
    for text in texts:
        is_empty = True
        for value in _values(text.strip().lstrip("\ufeff")):
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
            pass  # no JSON after all: read it word by word
    rows = _table(text)
    if rows is not None:
        yield from rows
        return
    yield from (word for word in re.split(r"[\s,;]+", text) if word and not _DRAWN.fullmatch(word))


def _json_ids(value: Any) -> Iterator[str]:
    """The `id` of each object on the way down, not of what an object with an ID holds; texts in
    lists count too.
    """
    if isinstance(value, list):
        for item in value:
            if isinstance(item, str | int | float):
                yield str(item)
            else:
                yield from _json_ids(item)
    elif isinstance(value, dict):
        own = next((item for key, item in value.items() if key.lower() == "id"), None)
        if own is not None:
            yield str(own)
        else:
            for item in value.values():
                if isinstance(item, dict | list):
                    yield from _json_ids(item)


def _table(text: str) -> list[str] | None:
    """The column `id` of a client's table (`| ID | Name |`) or of CSV with a header; None when it
    is neither.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and lines[0].lstrip().startswith(("+-", "|")):
        lines = [line.strip().strip("|") for line in lines if line.lstrip().startswith("|")]
        rows = [[cell.strip() for cell in line.split("|")] for line in lines]
        if len(rows) > 1 and [cell.lower() for cell in rows[0]] == [
            "field",
            "value",
        ]:  # `… backup show`
            return [row[1] for row in rows[1:] if row[0].lower() == "id"]
        firsts = [next(filter(_ID.fullmatch, row), None) for row in rows]
        if (
            rows and None not in firsts
        ):  # rows that were picked from a table: the client prints the ID first
            return [first for first in firsts if first]
    else:
        separator = next((one for one in ",;\t" if lines and one in lines[0]), None)
        if separator is None:
            return (
                [line.strip() for line in lines[1:]]
                if lines and lines[0].strip().lower() == "id"
                else None
            )
        try:
            rows = list(csv.reader(io.StringIO(text, newline=None), delimiter=separator))
        except csv.Error:  # no CSV after all
            return None
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    if "id" not in header:
        return None
    column = header.index("id")
    return [row[column].strip() for row in rows[1:] if len(row) > column and row[column].strip()]


def _line(value: str) -> Line:
    word = value.strip("\"'<>()[]{}")
    link = _LINK.fullmatch(word)
    candidate = link[1] if link else word
    if stands_for_none(candidate):
        return Line(_shown(value), None, "Not a backup ID: it stands for none.")
    if HYPHENATED.fullmatch(candidate):
        return Line(_shown(value), candidate.lower())
    if _HEX.fullmatch(candidate):
        c = candidate.lower()
        return Line(_shown(value), f"{c[:8]}-{c[8:12]}-{c[12:16]}-{c[16:20]}-{c[20:]}")
    reason = (
        "The link does not end in a backup ID."
        if link
        else "Not a backup ID: a UUID has 32 hexadecimal digits."
    )
    return Line(_shown(value), None, reason)


def _shown(value: str) -> str:
    """What is echoed of a text that somebody sent: its beginning, and how long the whole of it
    is.
    """
    shown = clean(value[:MAX_SHOWN])
    return shown if len(value) <= MAX_SHOWN else f"{shown}… ({len(value):,} characters)"
