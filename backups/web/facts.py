"""The facts of one backup in groups, each with the API's own key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Link:
    rel: str
    href: str
    leads_home: bool


@dataclass(frozen=True)
class Fact:
    """`shape` tells the template how to write the value: text, id, flag, time, number, mb, kind,
    cloud, disk, …
    """

    label: str
    key: str
    shape: str
    value: Any
    unit: str = ""


@dataclass(frozen=True)
class Group:
    name: str
    facts: Sequence[Fact]


# label, the API's key, the word, how it is written, unit
_WHAT = (
    ("Status", "status", "status", "status", ""),
    ("Progress", "progress", "progress", "number", "%"),  # as given: "0" on many finished backups
    ("Kind", "INC · Type", "kind", "kind", ""),
    ("Description", "DESC", "description", "text", ""),
    ("Created", "created_at", "created_at", "time", ""),
    ("Changed", "updated_at", "updated_at", "time", ""),
    ("Data as of", "data_timestamp", "data_timestamp", "time", ""),
    ("Made for", "ST", "service_type", "text", ""),
    ("Bootable", "bootable", "bootable", "flag", ""),
)
_WHERE = (
    ("Cloud", "cloud", "cloud", "cloud", ""),
    ("Zone", "availability_zone", "availability_zone", "text", ""),
    ("Disk", "volume_id", "volume_id", "volume", ""),
    ("Disk type", "VT", "volume_type", "text", ""),
    ("Snapshot", "snapshot_id", "snapshot_id", "id", ""),
    ("Project", "tenant_id", "tenant_id", "id", ""),
    ("Server", "VMID", "vm_id", "id", ""),
    ("Host", "OMID", "host_id", "id", ""),
)
_STORED = (
    ("Disk size", "size", "size", "number", "GB"),
    ("Speed", "AT", "throughput_mb_s", "number", "MB/s"),
    ("Saved", "SS", "space_saving_percent", "number", "%"),
    ("Deduplicated", "DL", "deduplicated", "flag", ""),
    ("Compressed", "DL", "compressed", "flag", ""),
    ("Encrypted", "VK · CMKID", "encrypted", "flag", ""),
    ("Key of the encryption", "CMKID", "cmk_id", "id", ""),
    ("Container", "container", "container", "id", ""),
    ("Storage path", "SP", "storage_path", "id", ""),
    ("Storage unit", "BP", "storage_unit_path", "id", ""),
    ("Storage type", "BT", "storage_type", "number", ""),
)
_CHAIN = (
    ("Chain size", "CS", "chain_size_mb", "mb", ""),
    ("Needed by others", "has_dependent_backups", "has_dependent_backups", "flag", ""),
    ("Incremental flag", "is_incremental", "is_incremental", "flag", ""),
    ("Request was incremental", "INC", "inc", "number", ""),
    ("Type", "Type", "type", "number", ""),
    ("Objects", "object_count", "object_count", "number", ""),
    ("Job", "ebk_T_I", "job_id", "copy", ""),
    ("Backup image", "backupurl", "backup_image_id", "id", ""),
    ("Other keys", "unmapped", "unmapped", "object", ""),
)
_TRACKING = (
    ("State", "tracking_state", "tracking_state", "tracking_state", ""),
    ("Known", "refreshed_at", "refreshed_at", "poll", ""),
    ("Last tried", "attempted_at", "attempted_at", "poll", ""),
    ("Next look", "next_refresh_at", "next_refresh_at", "poll", ""),
    ("Tracked since", "tracked_at", "tracked_at", "time", ""),
    ("Tags", "tags", "tags", "tags", ""),
    ("Note", "note", "note", "none", ""),
    ("Could not read", "decode_problems", "decode_problems", "problems", ""),
)


def groups(row: Mapping[str, Any], links: Sequence[Link]) -> list[Group]:
    """What · where · how stored · chain · tracking."""
    if row["tracking_state"] == "pending":  # nothing is supplied yet, so nothing can be missing
        return [Group("Tracking", [*_facts(row, _WHERE[:1]), *_facts(row, _TRACKING)])]
    where = [*_facts(row, _WHERE), Fact("Links", "links", "links", links)]
    return [
        Group("What", _facts(row, _WHAT)),
        Group("Where", where),
        Group("How stored", _facts(row, _STORED)),
        Group("Chain", _facts(row, _CHAIN)),
        Group("Tracking", _facts(row, _TRACKING)),
    ]


def _facts(row: Mapping[str, Any], table: Sequence[tuple[str, str, str, str, str]]) -> list[Fact]:
    return [Fact(label, key, shape, row[word], unit) for label, key, word, shape, unit in table]
