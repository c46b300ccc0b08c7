"""The IDs in JSON: of clients, of the APIs of backups and disks, of jq and of Terraform."""

import json
import re
from collections.abc import Iterator, Mapping

from backups.edits.pasted_labels import (
    ANOTHER,
    BACKUP,
    OWN,
    Sureness,
    holds_backup_id,
    key_meaning,
    left_out,
    meaning,
    object_kind,
    type_meaning,
    words_of,
)
from backups.edits.pasted_pieces import Piece
from backups.vbs.id_text import canonical

_DECODER = json.JSONDecoder()
_BEGINNING = re.compile(r'\[(?=\s*["{\[])|\{(?=\s*")')
_RESOURCE_TYPE = re.compile(r"(?:openstack|opentelekomcloud|huaweicloud|flexibleengine)_\w|OS::")
_OF_TERRAFORM = frozenset(["mode", "instances", "provider", "provider_name", "address", "change"])
RESOURCE = "another resource's ID"
# How much of a text may be read in vain, as a multiple of its length.
_WASTE = 4
_INDENT = 200  # characters before a list in its line

Span = tuple[int, int, object]


class _Document(str):
    """A text of which a JSONDecodeError does not count the lines, each time from the first."""

    __slots__ = ()

    def count(self, *_arguments: object) -> int:
        return 0

    def rfind(self, *_arguments: object) -> int:
        return -1


def json_spans(text: str) -> list[Span]:
    """Returns where JSON objects and lists stand in a text, and what each holds. One that is not
    whole is text like any other, and so is a list behind a key, as in HCL.
    """
    spans = []
    document = _Document(text)
    wasted = 0
    at = 0
    while wasted <= _WASTE * len(text):
        beginning = _BEGINNING.search(text, at)
        if beginning is None:
            break
        start = beginning.start()
        line_start = text.rfind("\n", max(0, start - _INDENT), start) + 1
        if text[start] == "[" and text[line_start:start].strip(" \t>"):
            at = start + 1
            continue
        try:
            value, at = _DECODER.raw_decode(document, start)
        except json.JSONDecodeError as e:
            wasted += e.pos - start
            at = start + 1
        except (ValueError, RecursionError):
            # A number longer, or nesting deeper, than Python reads.
            break
        else:
            if value:
                spans.append((start, at, value))
    return spans


def pieces_of_json(value: object, kind: str | None) -> list[Piece]:
    """Returns the pieces of a decoded value; `kind`: what its objects are, as far as something
    outside of it says. Raises RecursionError.
    """
    return list(_walk(value, kind))


def texts_of(value: object) -> Iterator[str]:
    """Yields the lines of the texts in a decoded value. Raises RecursionError."""
    if isinstance(value, str):
        yield from value.splitlines()
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts_of(item)


def resource_kind(resource_type: str) -> str:
    """Returns what a resource of Terraform is: `openstack_blockstorage_volume_v3` is a disk."""
    kind = meaning(words_of(resource_type), skipping_unknown=True)
    return kind if kind not in (None, OWN) else RESOURCE


def _walk(value: object, kind: str | None, *, is_fixed: bool = False) -> Iterator[Piece]:
    """`is_fixed`: no key below says anything else of the kind."""
    if isinstance(value, list):
        for item in value:
            if isinstance(item, str | int | float) and not isinstance(item, bool):
                yield Piece(str(item), left_out(kind))
            else:
                yield from _walk(item, kind, is_fixed=is_fixed)
    elif isinstance(value, dict):
        resource_type = value.get("type")
        if _is_resource(value) and isinstance(resource_type, str):
            yield from _walk_object(value, resource_kind(resource_type), is_fixed=True)
        else:
            yield from _walk_object(value, kind, is_fixed=is_fixed)


def _walk_object(
    fields: Mapping[str, object], kind: str | None, *, is_fixed: bool
) -> Iterator[Piece]:
    own_key = _own_key(fields)
    own = str(fields[own_key]) if own_key is not None else ""
    has_id = canonical(own) is not None
    inside: list[Piece] = []
    lists_backups = False
    for key, value in fields.items():
        if key == own_key:
            continue
        if _is_id(key):
            inside.append(Piece(key, left_out(kind)))
            continue
        of_key = key_meaning(key)
        if isinstance(value, dict | list):
            if has_id and of_key != BACKUP:
                continue
            below = kind if is_fixed or of_key in (None, OWN) else of_key
            pieces = list(_walk(value, below, is_fixed=is_fixed))
            lists_backups |= any(piece.left_out is None for piece in pieces)
            inside += pieces
        elif left_out(of_key) is not None and _is_id(value):
            inside.append(Piece(str(value), of_key))
        elif own_key is None and key == "value" and (kind == BACKUP or _is_id(value)):
            # An output of Terraform: its name is the key above.
            inside.append(Piece(str(value), left_out(kind)))
    if own_key is not None:
        if holds_backup_id(own_key).names_backup:
            yield Piece(own)
        elif has_id:
            signature = kind
            if kind is None:
                signature = object_kind(fields) or type_meaning(fields)
            yield Piece(own, ANOTHER if lists_backups else left_out(signature))
        elif not lists_backups:
            # Else it is the number of a call or of a row around the backups.
            yield Piece(own)
    yield from inside


def _own_key(fields: Mapping[str, object]) -> str | None:
    """Returns the key that holds the ID of the object most surely."""
    own_key = None
    best = Sureness.NONE
    for key, value in fields.items():
        if value is None or isinstance(value, dict | list | bool):
            continue
        sureness = holds_backup_id(key)
        if sureness == Sureness.BACKUP and not _is_id(value):
            continue
        if sureness > best:
            best = sureness
            own_key = key
    return own_key


def _is_resource(fields: Mapping[str, object]) -> bool:
    """Does its `type` name a kind of resource, as in Terraform's state?"""
    resource_type = fields.get("type")
    if not isinstance(resource_type, str):
        return False
    if _RESOURCE_TYPE.match(resource_type):
        return True
    return "_" in resource_type and not _OF_TERRAFORM.isdisjoint(fields)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and canonical(value) is not None
