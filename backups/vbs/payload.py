"""One backup as the API answers it, decoded into the words of vbsdash. Decoding never raises on a
JSON value.

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
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from backups.vbs import fields
from backups.vbs.fields import Problems
from backups.vbs.ids import stands_for_none
from backups.vbs.redact import MAX_DEPTH, redact

# VBS v2, VBS v3 by its table, VBS v3 by its example and Cinder >= 3.18 (API.md §9)
TENANT_KEYS: Final = (
    "os-bak-tenant-attr:tenant_id",
    "os-backup-project-attr:tenant_id",
    "os-backup-project-attr:project_id",
)
SERVICE_TYPES: Final = {0: "disk", 1: "vm", 4: "disk_copy", 5: "vm_copy"}
METADATA_KEYS: Final = frozenset(
    "DL VK bootable SP backupurl VMID ST BT SS BP CMKID progress CS VT OMID Type ebk_T_I AT".split()  # noqa: SIM905
)
_NOTHING: Final = (None, "")  # a key with one of these says as little as no key
MAX_INNER_TEXT: Final = 65_536  # characters; the longest text seen has about 430
_MAPPING = re.compile(
    r"\A\s*mapping_uuid:[^;{]*;"
)  # put in front by the cascading layer (API.md §3, form 4)
_MARSHAL = (
    2  # a version in which equal values have equal bytes: later ones write references, by identity
)


@dataclass(frozen=True)
class Metadata:
    """`service_metadata`, decoded; every word is None when it was not supplied."""

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
    unmapped: dict[str, Any] | None = None


@dataclass(frozen=True)
class Backup:
    """An answer in the words of vbsdash; times are ISO-decoded, aware, UTC. `raw` has VK
    redacted.
    """

    id: str | None
    status: str | None
    name: str | None
    size: int | None  # GB of the source disk
    volume_id: str | None
    availability_zone: str | None
    fail_reason: str | None
    object_count: int | None
    container: str | None
    created_at: Any  # datetime | None
    updated_at: Any
    data_timestamp: Any
    snapshot_id: str | None
    is_incremental: bool | None
    has_dependent_backups: bool | None
    links: list[dict[str, str]]
    tenant_id: str | None
    description: str | None
    inc: int | None
    metadata: Metadata
    decode_problems: tuple[str, ...]
    is_vbs: (
        bool  # the body has what stock Cinder never sends: service_metadata or the VBS tenant key
    )
    raw: dict[str, Any] = field(repr=False)

    def words(self) -> dict[str, Any]:
        """Every stored word but `kind*`, flat, ready for the database."""
        own = {k: v for k, v in vars(self).items() if k not in {"metadata", "raw", "id", "is_vbs"}}
        return {**own, **vars(self.metadata), "decode_problems": list(self.decode_problems)}

    @property
    def body_text(self) -> str:
        """The redacted body as ASCII JSON text, JSON-equal to what came but for VK."""
        return json.dumps(self.raw)


@dataclass(frozen=True, slots=True)
class Received:
    """The object inside an envelope, not decoded yet: most answers equal the one before, and the
    digest tells.
    """

    raw: dict[str, Any] = field(repr=False)  # VK redacted
    digest: str  # equal for equal bodies whatever the order of their keys

    @property
    def id(self) -> str:
        return str(self.raw.get("id")).lower()

    def decode(self) -> Backup:
        return _decode(self.raw)


def receive(raw: Mapping[str, Any]) -> Received:
    """Costs a tenth of decoding. Of a VK only whether there is one is part of the digest."""
    body = dict(raw)
    canonical = _canonical(body)
    if canonical is None or _may_hide_something(canonical):
        body = redact(body)
        canonical = _canonical(body) or json.dumps(body, sort_keys=True).encode()
    return Received(body, hashlib.blake2b(canonical, digest_size=16).hexdigest())


def _canonical(body: dict[str, Any]) -> bytes | None:
    """None when it is nested too deeply."""
    names, values = _order(tuple(body))
    try:
        return names + marshal.dumps(values(body), _MARSHAL)  # three times as fast as sorted JSON
    except (ValueError, RecursionError):
        return None


@lru_cache(maxsize=64)
def _order(keys: tuple[str, ...]) -> tuple[bytes, Callable[[dict[str, Any]], Any]]:
    """The keys as they are written, and what takes the values in their order: bodies of a cloud
    have the same keys.
    """
    ordered = sorted(keys)
    return marshal.dumps(ordered, _MARSHAL), itemgetter(*ordered) if ordered else tuple


def _may_hide_something(canonical: bytes) -> bool:
    """Is there work for `redact`: a filled VK, its letters as escapes, or brackets enough for a
    deep nest?

    Most bodies have an empty one, in the text of their metadata, and no backslash at all, which is
    found faster.
    """
    if (found := canonical.count(b"VK")) and found > canonical.count(b'"VK": ""'):
        return True
    if b"\\" in canonical and b"\\u00" in canonical:
        return True
    return canonical.count(b"[") + canonical.count(b"{") > MAX_DEPTH


def decode(raw: Mapping[str, Any]) -> Backup:
    """Decode the object inside the envelope `{"backup": {...}}`."""
    return _decode(redact(dict(raw)))


def _decode(body: dict[str, Any]) -> Backup:
    """Of a body whose VK is redacted."""
    problems: Problems = []
    wrapper = _wrapper(body.get("description"))
    found = _metadata_object(body.get("service_metadata"), problems)
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
        metadata=_metadata(found, wrapper or {}, problems),
        decode_problems=tuple(problems),
        is_vbs=any(
            key == "service_metadata" or key.startswith("os-bak-tenant-attr") for key in body
        ),
        raw=body,
    )


def _wrapper(value: Any) -> dict[str, Any] | None:
    """The object that VBS wraps a description in, if it is one: decoded once, never twice (API.md
    §4).
    """
    if isinstance(value, str) and value.strip().startswith("{") and len(value) <= MAX_INNER_TEXT:
        value = fields.parse_json(value)
    inner = value  # a server might send the object itself (API.md §11.3)
    is_wrapper = isinstance(inner, dict) and bool({"DESC", "INC"} & inner.keys())
    return inner if is_wrapper else None


def _volume_id(body: dict[str, Any], problems: Problems) -> str | None:
    """Every backup is of a disk, so here an empty text is worth a word."""
    if body.get("volume_id") == "":
        return fields.refuse(problems, "volume_id", "", "it is empty")
    return fields.identifier(body, "volume_id", problems)


def _tenant_id(body: dict[str, Any], problems: Problems) -> str | None:
    """Of the first key that names a project; what the others hold in its place is worth a word."""
    for key in TENANT_KEYS:
        tenant_id = fields.identifier(body, key, problems)
        if tenant_id is not None:
            return tenant_id
    return None


def _description(
    body: dict[str, Any], wrapper: dict[str, Any] | None, problems: Problems
) -> str | None:
    if wrapper is None:
        return fields.text(body, "description", problems, most=fields.LONG)
    return fields.text(wrapper, "DESC", problems, most=fields.LONG)


def _metadata_object(value: Any, problems: Problems) -> dict[str, Any] | None:
    """`service_metadata` as an object: padded, prefixed and double-encoded texts are read, others
    reported.
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
    if isinstance(inner, str):  # encoded twice
        inner = fields.parse_json(inner)
    if isinstance(inner, dict):
        return inner
    return fields.refuse(
        problems, "service_metadata", value, "it is no JSON object, or was cut off"
    )


def _metadata(
    found: dict[str, Any] | None, wrapper: dict[str, Any], problems: Problems
) -> Metadata:
    if found is None:
        return Metadata(
            service_type=_service_type(wrapper, problems)
            if wrapper.get("ST") not in _NOTHING
            else None
        )
    saving = fields.integer(found, "DL", problems, most=3) if found.get("DL") not in _NOTHING else 0
    cmk_id = fields.identifier(found, "CMKID", problems)
    return Metadata(
        progress=fields.integer(found, "progress", problems, most=100),
        chain_size_mb=fields.integer(found, "CS", problems),
        throughput_mb_s=fields.number(found, "AT", problems),
        space_saving_percent=fields.integer(found, "SS", problems, most=100),
        deduplicated=None if saving is None else bool(saving & 1),
        compressed=None if saving is None else bool(saving & 2),
        service_type=_service_type(found if found.get("ST") not in _NOTHING else wrapper, problems),
        bootable=fields.flag(found, "bootable", problems),
        type=fields.integer(found, "Type", problems, least=-fields.BIGINT),
        encrypted=bool(found.get("VK")) or _names_a_key(found.get("CMKID")),
        cmk_id=cmk_id,
        backup_image_id=fields.identifier(found, "backupurl", problems),
        storage_path=fields.text(found, "SP", problems) or None,
        storage_unit_path=fields.text(found, "BP", problems) or None,
        storage_type=fields.integer(found, "BT", problems),
        volume_type=fields.text(found, "VT", problems) or None,
        vm_id=fields.identifier(found, "VMID", problems),
        host_id=fields.identifier(found, "OMID", problems),
        job_id=fields.identifier(found, "ebk_T_I", problems),
        unmapped=fields.storable({k: v for k, v in found.items() if k not in METADATA_KEYS}),
    )


def _names_a_key(value: Any) -> bool:
    """Also one that cannot be read; zeros are what stock Cinder writes for none."""
    return bool(value) and not (isinstance(value, str) and stands_for_none(value))


def _service_type(source: dict[str, Any], problems: Problems) -> str | None:
    """ST; absent means a disk (seed page). In a description it counts only when the metadata has
    none.
    """
    if source.get("ST") in _NOTHING:
        return SERVICE_TYPES[0]
    value = fields.integer(source, "ST", problems)
    if value is not None and value not in SERVICE_TYPES:
        return fields.refuse(problems, "ST", source["ST"], "it is none of 0, 1, 4, 5")
    return None if value is None else SERVICE_TYPES[value]
