"""A backup as CBR answers it (API.md §12.3), decoded as `payload` does: it never raises on a JSON
value, and what cannot be read becomes null with one entry in `decode_problems`.

A body is CBR's by its shape: it names a resource, where VBS and Cinder name a volume.
"""

from collections.abc import Mapping
from typing import Final

from backups.vbs import fields
from backups.vbs.decoded_backup import Backup
from backups.vbs.fields import Problems
from backups.vbs.json_object import JsonObject
from backups.vbs.service_metadata import METADATA_WORDS, Metadata

VOLUME_TYPES: Final = frozenset({"OS::Cinder::Volume"})
SERVER_TYPES: Final = frozenset(
    {"OS::Nova::Server", "OS::Ironic::BareMetalServer", "OS::Native::Server"}
)
# Where no `resource_type` is given, the provider tells the same.
_TYPE_OF_PROVIDER: Final = {
    "0daac4c5-6707-4851-97ba-169e36266b66": "OS::Nova::Server",
    "d1603440-187d-4516-af25-121250c7cc97": "OS::Cinder::Volume",
    "3f3c3220-245c-4805-b811-758870015881": "OS::Sfs::Turbo",
}
# The keys of `extend_info` that have a field; all others are `unmapped`.
_MAPPED: Final = frozenset({"snapshot_id", "bootable", "encrypted", "progress", "incremental"})
_SUPPLIED_METADATA: Final = frozenset(
    {"progress", "service_type", "bootable", "encrypted", "vm_id", "unmapped"}
)
# `fail_reason` stands in the log of operations, not in the backup.
NOT_SUPPLIED: Final = (METADATA_WORDS - _SUPPLIED_METADATA) | {
    "fail_reason",
    "object_count",
    "container",
    "has_dependent_backups",
    "links",
    "inc",
}


def has_this_shape(body: Mapping[str, object]) -> bool:
    return "volume_id" not in body and ("resource_type" in body or "provider_id" in body)


def resource_type(body: Mapping[str, object]) -> str | None:
    """Returns the type of the resource in the API's words, None when nothing tells."""
    given = body.get("resource_type")
    if isinstance(given, str) and given:
        return given
    provider = body.get("provider_id")
    return _TYPE_OF_PROVIDER.get(provider.lower()) if isinstance(provider, str) else None


def is_of_server(body: Mapping[str, object]) -> bool:
    return resource_type(body) in SERVER_TYPES


def children(body: Mapping[str, object]) -> list[JsonObject]:
    """Returns the bodies of its disks' backups, each with the ID of this one as its `parent_id`. In
    a list there are none, whatever the backup has (API.md §12.3).
    """
    entries = body.get("children")
    if not isinstance(entries, list):
        return []
    parent_id = body.get("id")
    return [{**entry, "parent_id": parent_id} for entry in entries if isinstance(entry, dict)]


def decode(body: JsonObject) -> Backup:
    """Decodes a body of this shape whose secrets are redacted."""
    problems: Problems = []
    kind_of_resource = resource_type(body)
    volume_id: str | None = None
    if kind_of_resource in VOLUME_TYPES:
        volume_id = _resource_id(body, problems)
    elif kind_of_resource not in SERVER_TYPES:
        why = "it is neither a disk nor a server"
        fields.refuse(problems, "resource_type", body.get("resource_type"), why)
    extend_info = _extend_info(body, problems)
    return Backup(
        id=fields.text(body, "id", problems),
        status=fields.text(body, "status", problems),
        name=fields.text(body, "name", problems),
        size=fields.integer(body, "resource_size", problems),
        volume_id=volume_id,
        availability_zone=fields.text(body, "resource_az", problems),
        fail_reason=None,
        object_count=None,
        container=None,
        created_at=fields.instant(body, "created_at", problems),
        updated_at=fields.instant(body, "updated_at", problems),
        data_timestamp=fields.instant(body, "protected_at", problems),
        snapshot_id=fields.identifier(extend_info or {}, "snapshot_id", problems),
        is_incremental=_is_incremental(body, extend_info or {}, problems),
        has_dependent_backups=None,
        links=[],
        tenant_id=fields.identifier(body, "project_id", problems),
        expired_at=fields.instant(body, "expired_at", problems),
        vault_id=fields.identifier(body, "vault_id", problems),
        policy_id=fields.identifier(body, "scheduled_operation_id", problems),
        parent_id=fields.identifier(body, "parent_id", problems),
        description=fields.text(body, "description", problems, most=fields.LONG),
        inc=None,
        metadata=_metadata(body, kind_of_resource, extend_info, problems),
        decode_problems=tuple(problems),
        is_vbs=False,
        not_supplied=NOT_SUPPLIED,
        raw=body,
    )


def _resource_id(body: JsonObject, problems: Problems) -> str | None:
    """Returns the ID of the disk or server. Every backup is of one, so here an empty text is worth
    a report.
    """
    if body.get("resource_id") == "":
        return fields.refuse(problems, "resource_id", "", "it is empty")
    return fields.identifier(body, "resource_id", problems)


def _extend_info(body: JsonObject, problems: Problems) -> JsonObject | None:
    """Returns the object of further words; None where there is none, and then they say nothing."""
    value = body.get("extend_info")
    if value is None or value == "":
        return None
    if isinstance(value, dict):
        return value
    return fields.refuse(problems, "extend_info", value, "it is no object")


def _is_incremental(body: JsonObject, extend_info: JsonObject, problems: Problems) -> bool | None:
    """Returns the flag, which stands at the top on newer services and among the further words on
    others.
    """
    at_top = fields.flag(body, "incremental", problems)
    if at_top is not None:
        return at_top
    return fields.flag(extend_info, "incremental", problems)


def _metadata(
    body: JsonObject,
    kind_of_resource: str | None,
    extend_info: JsonObject | None,
    problems: Problems,
) -> Metadata:
    is_of_server = kind_of_resource in SERVER_TYPES
    service_type: str | None = None
    if is_of_server or (kind_of_resource in VOLUME_TYPES and body.get("parent_id")):
        service_type = "vm"  # As VBS calls the disks of one, too.
    elif kind_of_resource in VOLUME_TYPES:
        service_type = "disk"
    source = extend_info or {}
    return Metadata(
        progress=fields.integer(source, "progress", problems, most=100),
        service_type=service_type,
        bootable=fields.flag(source, "bootable", problems),
        encrypted=fields.flag(source, "encrypted", problems),
        vm_id=_resource_id(body, problems) if is_of_server else None,
        unmapped=None if extend_info is None else _unmapped(extend_info),
    )


def _unmapped(extend_info: JsonObject) -> JsonObject:
    """Returns what has no field of its own, in a form that can be stored."""
    rest = {key: value for key, value in extend_info.items() if key not in _MAPPED}
    unmapped: JsonObject = fields.storable(rest)
    return unmapped
