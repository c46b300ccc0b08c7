"""One backup as the API answers it, decoded into the fields of vbsdash. Decoding never raises
on a JSON value.

What cannot be read becomes null with one entry in `decode_problems`; the rest is decoded all the
same. Storing is part of decoding: NUL, lone surrogates and numbers that no database holds do not
get past this module. Sources: `seed_page.md` (fields and sub-tables), API.md §1.1, §3, §4 and §11.
Bodies of CBR have another shape: `payload_cbr.py`.
"""

import hashlib
import json
import marshal
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

from backups.vbs import fields, payload_cbr, service_metadata
from backups.vbs.decoded_backup import WORDS_OF_CBR, Backup
from backups.vbs.fields import Problems
from backups.vbs.json_object import JsonObject
from backups.vbs.redact import MAX_DEPTH, redact
from backups.vbs.service_metadata import Metadata

# VBS v2, VBS v3 by its table, VBS v3 by its example and Cinder >= 3.18 (API.md §9)
TENANT_KEYS: Final = (
    "os-bak-tenant-attr:tenant_id",
    "os-backup-project-attr:tenant_id",
    "os-backup-project-attr:project_id",
)
__all__ = [
    "Backup",
    "Metadata",
    "Received",
    "children",
    "decode",
    "is_child",
    "is_of_server",
    "receive",
]
MAX_INNER_TEXT: Final = 65_536  # Characters; the longest text seen has about 430.
# Put in front by the cascading layer (API.md §3, form 4).
_MAPPING = re.compile(r"\A\s*mapping_uuid:[^;{]*;")
# A version in which equal values have equal bytes: later ones write references, by identity.
_MARSHAL_VERSION = 2


@dataclass(frozen=True, slots=True)
class Received:
    """The object inside an envelope, not decoded yet: most answers equal the one before,
    and the digest tells.
    """

    raw: JsonObject = field(repr=False)  # VK redacted
    digest: str  # Equal for equal bodies whatever the order of their keys.

    @property
    def id(self) -> str:
        return str(self.raw.get("id")).lower()

    def decode(self) -> Backup:
        return _decode(self.raw)


def receive(raw: Mapping[str, object]) -> Received:
    """Redacts a body and takes its digest, which costs a tenth of decoding. Of a VK only whether
    there is one is part of the digest.
    """
    body = dict(raw)
    canonical = _canonical(body)
    if canonical is None or _may_need_redaction(canonical):
        body = redact(body)
        canonical = _canonical(body)
    if canonical is None:
        canonical = json.dumps(body, sort_keys=True).encode()
    return Received(body, hashlib.blake2b(canonical, digest_size=16).hexdigest())


def _canonical(body: JsonObject) -> bytes | None:
    """Returns equal bytes for equal bodies; None when one is nested too deeply."""
    keys = _ordered_keys(tuple(body))
    try:
        # Three times as fast as sorted JSON.
        return keys.written + marshal.dumps(keys.values_of(body), _MARSHAL_VERSION)
    except (ValueError, RecursionError):
        return None


class _OrderedKeys(NamedTuple):
    """The keys of a body in their order: as they are written, and what takes their values."""

    written: bytes
    values_of: Callable[[JsonObject], Any]


@lru_cache(maxsize=64)
def _ordered_keys(keys: tuple[str, ...]) -> _OrderedKeys:
    """Sorts the keys of a body; cached, since the bodies of a cloud have the same keys."""
    ordered = sorted(keys)
    written = marshal.dumps(ordered, _MARSHAL_VERSION)
    return _OrderedKeys(written, itemgetter(*ordered) if ordered else tuple)


def _may_need_redaction(canonical: bytes) -> bool:
    """Is there work for `redact`: a filled VK, its letters as escapes, or brackets enough
    for a deep nest?

    Most bodies have an empty one, in the text of their metadata, and no backslash at all, which
    costs less to find out.
    """
    keys = canonical.count(b"VK")
    if keys and keys > canonical.count(b'"VK": ""'):
        return True
    if b"\\" in canonical and b"\\u00" in canonical:
        return True
    return canonical.count(b"[") + canonical.count(b"{") > MAX_DEPTH


def decode(raw: Mapping[str, object]) -> Backup:
    """Decodes the object inside the envelope `{"backup": {...}}`."""
    return _decode(redact(dict(raw)))


def children(body: Mapping[str, object]) -> list[JsonObject]:
    """Returns the bodies of the backups of single disks that a backup of a server consists of; VBS
    and Cinder have none.
    """
    return payload_cbr.children(body) if payload_cbr.has_this_shape(body) else []


def is_of_server(body: Mapping[str, object]) -> bool:
    """Is it about a whole server, so that its disks have backups of their own?"""
    return payload_cbr.has_this_shape(body) and payload_cbr.is_of_server(body)


def is_child(body: Mapping[str, object]) -> bool:
    """Is it one of those: of a disk, as a part of the backup of its server?"""
    return payload_cbr.has_this_shape(body) and bool(body.get("parent_id"))


def _decode(body: JsonObject) -> Backup:
    """Decodes a body whose VK is redacted."""
    if payload_cbr.has_this_shape(body):
        return payload_cbr.decode(body)
    problems: Problems = []
    wrapper = _wrapper(body.get("description"))
    metadata_object = _metadata_object(body.get("service_metadata"), problems)
    return Backup(
        id=fields.text(body, "id", problems),
        status=fields.text(body, "status", problems),
        name=fields.text(body, "name", problems),
        size=fields.integer(body, "size", problems),
        volume_id=_volume_id(body, problems),
        availability_zone=fields.text(body, "availability_zone", problems),
        fail_reason=fields.text(body, "fail_reason", problems, most=fields.LONG),
        object_count=fields.integer(body, "object_count", problems),
        container=fields.text(body, "container", problems),
        created_at=fields.instant(body, "created_at", problems),
        updated_at=fields.instant(body, "updated_at", problems),
        data_timestamp=fields.instant(body, "data_timestamp", problems),
        snapshot_id=fields.identifier(body, "snapshot_id", problems),
        is_incremental=fields.flag(body, "is_incremental", problems),
        has_dependent_backups=fields.flag(body, "has_dependent_backups", problems),
        links=fields.links(body, problems),
        tenant_id=_tenant_id(body, problems),
        expired_at=None,
        vault_id=None,
        policy_id=None,
        parent_id=None,
        description=_description(body, wrapper, problems),
        inc=fields.integer(wrapper or {}, "INC", problems, most=1),
        metadata=service_metadata.decode(metadata_object, wrapper or {}, problems),
        decode_problems=tuple(problems),
        is_vbs=any(_is_vbs_key(key) for key in body),
        not_supplied=WORDS_OF_CBR,
        raw=body,
    )


def _is_vbs_key(key: str) -> bool:
    return key == "service_metadata" or key.startswith("os-bak-tenant-attr")


def _wrapper(description: object) -> JsonObject | None:
    """Returns the object that VBS wraps a description in, if it is one: decoded once, never twice
    (API.md §4). A server might send the object itself (API.md §11.3).
    """
    value = description
    if isinstance(value, str) and value.strip().startswith("{") and len(value) <= MAX_INNER_TEXT:
        value = fields.parse_json(value)
    if isinstance(value, dict) and ("DESC" in value or "INC" in value):
        return value
    return None


def _volume_id(body: JsonObject, problems: Problems) -> str | None:
    """Returns the ID of the source volume. Every backup is of one, so here an empty text
    is worth a report.
    """
    if body.get("volume_id") == "":
        return fields.refuse(problems, "volume_id", "", "it is empty")
    return fields.identifier(body, "volume_id", problems)


def _tenant_id(body: JsonObject, problems: Problems) -> str | None:
    """Returns the ID under the first key that names a project; what the others hold in its place is
    worth a report.
    """
    for key in TENANT_KEYS:
        tenant_id = fields.identifier(body, key, problems)
        if tenant_id is not None:
            return tenant_id
    return None


def _description(body: JsonObject, wrapper: JsonObject | None, problems: Problems) -> str | None:
    if wrapper is None:
        return fields.text(body, "description", problems, most=fields.LONG)
    return fields.text(wrapper, "DESC", problems, most=fields.LONG)


def _metadata_object(value: object, problems: Problems) -> JsonObject | None:
    """Returns `service_metadata` as an object: padded, prefixed and double-encoded texts
    are read, others reported.
    """
    if isinstance(value, dict):
        return value
    if value is None or (isinstance(value, str) and not _MAPPING.sub("", value, count=1).strip()):
        return None
    if not isinstance(value, str) or len(value) > MAX_INNER_TEXT:
        return fields.refuse(
            problems, "service_metadata", value, "it is no text of at most 65,536 characters"
        )
    inner = fields.parse_json(_MAPPING.sub("", value, count=1))
    if isinstance(inner, str):  # Encoded twice.
        inner = fields.parse_json(inner)
    if isinstance(inner, dict):
        return inner
    return fields.refuse(
        problems, "service_metadata", value, "it is no JSON object, or was cut off"
    )
