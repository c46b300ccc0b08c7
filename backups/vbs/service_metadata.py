"""`service_metadata`, the text inside a body in which VBS says most of what it knows of a backup:
its keys, and how each is read (`seed_page.md`, API.md §3).
"""

import dataclasses
from dataclasses import dataclass
from typing import Final

from backups.vbs import fields
from backups.vbs.fields import Problems
from backups.vbs.ids import stands_for_none
from backups.vbs.json_object import JsonObject

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


METADATA_WORDS: Final = frozenset(item.name for item in dataclasses.fields(Metadata))


def decode(
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
