"""One backup as the API answers it, decoded into the fields of vbsdash. Decoding never raises
on a JSON value.

What cannot be read becomes null with one entry in `decode_problems`; the rest is decoded all the
same. Storing is part of decoding: NUL, lone surrogates and numbers that no database holds do not
get past this module. Sources: `seed_page.md` (fields and sub-tables), API.md §1.1, §3, §4 and §11.
"""

import hashlib
import json
import marshal
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

from backups.vbs import fields
from backups.vbs.fields import Link, Problems
from backups.vbs.ids import stands_for_none
from backups.vbs.json_object import JsonObject
from backups.vbs.redact import MAX_DEPTH, redact

# VBS v2, VBS v3 by its table, VBS v3 by its example and Cinder >= 3.18 (API.md §9)
TENANT_KEYS: Final = (
    "os-bak-tenant-attr:tenant_id",
    "os-backup-project-attr:tenant_id",
    "os-backup-project-attr:project_id",
)
SERVICE_TYPES: Final = {0: "disk", 1: "vm", 4: "disk_copy", 5: "vm_copy"}
# The keys of `service_metadata` that have a field; all others are `unmapped`.
METADATA_KEYS: Final = frozenset(
    {
        "AT",
        "BP",
        "BT",
        "CMKID",
        "CS",
        "DL",
        "OMID",
        "SP",
        "SS",
        "ST",
        "Type",
        "VK",
        "VMID",
        "VT",
        "backupurl",
        "bootable",
        "ebk_T_I",
        "progress",
    }
)
_EMPTY: Final = (None, "")  # A key with one of these says as little as no key.
MAX_INNER_TEXT: Final = 65_536  # Characters; the longest text seen has about 430.
# Put in front by the cascading layer (API.md §3, form 4).
_MAPPING = re.compile(r"\A\s*mapping_uuid:[^;{]*;")
# A version in which equal values have equal bytes: later ones write references, by identity.
_MARSHAL_VERSION = 2


@dataclass(frozen=True)
class Metadata:
    """`service_metadata`, decoded; every field is None when it was not supplied."""

    progress: int | None = None  # 0–100; "0" on many finished backups
    chain_size_mb: int | None = None  # CS: of the whole chain, not of this backup
    throughput_mb_s: float | None = None
    space_saving_percent: int | None = None
    deduplicated: bool | None = None
    compressed: bool | None = None
    service_type: str | None = None
    bootable: bool | None = None
    type: int | None = None
    encrypted: bool | None = None
    cmk_id: str | None = None
    backup_image_id: str | None = None
    storage_path: str | None = None
    storage_unit_path: str | None = None
    storage_type: int | None = None
    volume_type: str | None = None
    vm_id: str | None = None
    host_id: str | None = None
    job_id: str | None = None
    unmapped: JsonObject | None = None


@dataclass(frozen=True)
class Backup:
    """An answer in the fields of vbsdash; times are aware, in UTC. `raw` has VK redacted."""

    id: str | None
    status: str | None
    name: str | None
    size: int | None  # GB of the source volume
    volume_id: str | None
    availability_zone: str | None
    fail_reason: str | None
    object_count: int | None
    container: str | None
    created_at: datetime | None
    updated_at: datetime | None
    data_timestamp: datetime | None
    snapshot_id: str | None
    is_incremental: bool | None
    has_dependent_backups: bool | None
    links: list[Link]
    tenant_id: str | None
    description: str | None
    inc: int | None
    metadata: Metadata
    decode_problems: tuple[str, ...]
    # The body has what stock Cinder never sends: service_metadata or the VBS tenant key.
    is_vbs: bool
    raw: JsonObject = field(repr=False)

    def columns(self) -> dict[str, Any]:
        """Returns every stored field but `kind*`, flat, ready for the database."""
        columns = vars(self) | vars(self.metadata)
        for name in ("metadata", "raw", "id", "is_vbs"):
            del columns[name]
        columns["decode_problems"] = list(self.decode_problems)
        return columns

    @property
    def body_text(self) -> str:
        """The redacted body as ASCII JSON text, JSON-equal to what came but for VK."""
        return json.dumps(self.raw)


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


def _decode(body: JsonObject) -> Backup:
    """Decodes a body whose VK is redacted."""
    problems: Problems = []
    wrapper = _wrapper(body.get("description"))
    service_metadata = _metadata_object(body.get("service_metadata"), problems)
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
        description=_description(body, wrapper, problems),
        inc=fields.integer(wrapper or {}, "INC", problems, most=1),
        metadata=_metadata(service_metadata, wrapper or {}, problems),
        decode_problems=tuple(problems),
        is_vbs=any(_is_vbs_key(key) for key in body),
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


def _metadata(
    service_metadata: JsonObject | None, wrapper: JsonObject, problems: Problems
) -> Metadata:
    """Decodes `service_metadata`. `wrapper`: the object around the description, which
    may hold ST too.
    """
    if service_metadata is None:
        if wrapper.get("ST") in _EMPTY:
            return Metadata()
        return Metadata(service_type=_service_type(wrapper, problems))
    source = service_metadata
    saving: int | None = 0
    if source.get("DL") not in _EMPTY:
        saving = fields.integer(source, "DL", problems, most=3)
    # In a description ST counts only when the metadata has none.
    type_source = wrapper if source.get("ST") in _EMPTY else source
    # Before all others, as reports come in this order.
    cmk_id = fields.identifier(source, "CMKID", problems)
    return Metadata(
        progress=fields.integer(source, "progress", problems, most=100),
        chain_size_mb=fields.integer(source, "CS", problems),
        throughput_mb_s=fields.number(source, "AT", problems),
        space_saving_percent=fields.integer(source, "SS", problems, most=100),
        deduplicated=None if saving is None else bool(saving & 1),
        compressed=None if saving is None else bool(saving & 2),
        service_type=_service_type(type_source, problems),
        bootable=fields.flag(source, "bootable", problems),
        type=fields.integer(source, "Type", problems, least=-fields.BIGINT),
        encrypted=bool(source.get("VK")) or _names_a_key(source.get("CMKID")),
        cmk_id=cmk_id,
        backup_image_id=fields.identifier(source, "backupurl", problems),
        storage_path=fields.text(source, "SP", problems) or None,
        storage_unit_path=fields.text(source, "BP", problems) or None,
        storage_type=fields.integer(source, "BT", problems),
        volume_type=fields.text(source, "VT", problems) or None,
        vm_id=fields.identifier(source, "VMID", problems),
        host_id=fields.identifier(source, "OMID", problems),
        job_id=fields.identifier(source, "ebk_T_I", problems),
        unmapped=_unmapped(source),
    )


def _unmapped(service_metadata: JsonObject) -> JsonObject:
    """Returns what has no field of its own, in a form that can be stored."""
    rest = {k: v for k, v in service_metadata.items() if k not in METADATA_KEYS}
    unmapped: JsonObject = fields.storable(rest)
    return unmapped


def _names_a_key(value: object) -> bool:
    """Is an encryption key named, also one that cannot be read? Zeros are what stock
    Cinder writes for none.
    """
    if isinstance(value, str) and stands_for_none(value):
        return False
    return bool(value)


def _service_type(source: JsonObject, problems: Problems) -> str | None:
    """Returns what ST means; absent means a disk (seed page)."""
    if source.get("ST") in _EMPTY:
        return SERVICE_TYPES[0]
    value = fields.integer(source, "ST", problems)
    if value is None:
        return None
    if value not in SERVICE_TYPES:
        return fields.refuse(problems, "ST", source["ST"], "it is none of 0, 1, 4, 5")
    return SERVICE_TYPES[value]
