"""Notes and tags in what people paste: in a CSV of `/api/backups.csv`, plain or for Excel, and in
JSON as the API writes it. Pure. Whose IDs are meant is read elsewhere, see `pasted_ids`.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from backups.edits.pasted_files import restored
from backups.vbs.id_text import canonical

_SEPARATORS: Final = ",;\t"
# What an export writes an apostrophe in front of, so that no spreadsheet takes it for a formula.
_FORMULA_STARTS: Final = ("'=", "'+", "'-", "'@", "'\t", "'\r")


@dataclass(frozen=True)
class Remarks:
    """What people wrote on a backup."""

    note: str
    tags: tuple[str, ...]


def read_remarks(*texts: str) -> dict[str, Remarks]:
    """Returns note and tags by the ID of each backup that has any; of several the first."""
    remarks: dict[str, Remarks] = {}
    for text in texts:
        for row in _rows(restored(text).lstrip("\ufeff").strip()):
            backup_id = canonical(str(row.get("id") or ""))
            note = _note(row.get("note"))
            tags = _tags(row.get("tags"))
            if backup_id is not None and (note or tags):
                remarks.setdefault(backup_id, Remarks(note, tags))
    return remarks


def _rows(text: str) -> Iterator[Mapping[str, object]]:
    if text.startswith(("[", "{")):
        yield from _objects(_json(text))
    else:
        yield from _lines(text)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        # It is no JSON as a whole, so it is none of ours.
        return None


def _objects(value: object) -> Iterator[Mapping[str, object]]:
    """Yields the backups of a list, a page of the API, or one."""
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item
    elif isinstance(value, dict):
        if isinstance(value.get("results"), list):
            yield from _objects(value["results"])
        else:
            yield value


def _lines(text: str) -> Iterator[Mapping[str, object]]:
    header = text.partition("\n")[0]
    for separator in _SEPARATORS:
        names = [name.strip().strip('"').lower() for name in header.split(separator)]
        if "id" in names and not {"note", "tags"}.isdisjoint(names):
            reader = csv.DictReader(io.StringIO(text), fieldnames=names, delimiter=separator)
            try:
                yield from reader
            except csv.Error:
                # It is no CSV after all.
                return


def _note(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return value[1:] if value.startswith(_FORMULA_STARTS) else value


def _tags(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = _json(value) if value.startswith("[") else value.split(",")
    if not isinstance(value, Sequence):
        return ()
    return tuple(tag.strip() for tag in value if isinstance(tag, str) and tag.strip())
