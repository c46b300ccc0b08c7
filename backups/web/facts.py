"""The facts of one backup in groups, each with the API's own key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Link:
    rel: str
    href: str
    leads_home: bool


@dataclass(frozen=True)
class Fact:
    """A value as shown: `key` is the API's name of it, `shape` tells the template how to write it
    (text, id, flag, time, number, mb, gb, kind, cloud, volume, …).
    """

    label: str
    key: str
    shape: str
    value: Any
    unit: str = ""


class Line(NamedTuple):
    """A line of a group: `field` of the backup, under the API's own `key`."""

    label: str
    key: str
    field: str
    shape: str
    unit: str = ""


@dataclass(frozen=True)
class Group:
    name: str
    facts: Sequence[Fact]


_WHAT = (
    Line("Status", "status", "status", "status"),
    # As given: "0" on many finished backups.
    Line("Progress", "progress", "progress", "number", "%"),
    Line("Kind", "INC · Type", "kind", "kind"),
    Line("Description", "DESC", "description", "text"),
    Line("Created", "created_at", "created_at", "time"),
    Line("Changed", "updated_at", "updated_at", "time"),
    Line("Data as of", "data_timestamp", "data_timestamp", "time"),
    Line("Deleted by the cloud", "expired_at", "expired_at", "time"),
    Line("Made by policy", "scheduled_operation_id", "policy_id", "policy"),
    Line("Part of the backup of a server", "parent_id", "parent_id", "backup"),
    Line("Made for", "ST", "service_type", "text"),
    Line("Bootable", "bootable", "bootable", "flag"),
)
_CLOUD = Line("Cloud", "cloud", "cloud", "cloud")
_WHERE = (
    _CLOUD,
    Line("Zone", "availability_zone", "availability_zone", "text"),
    Line("Disk", "volume_id", "volume_id", "volume"),
    Line("Disk type", "VT", "volume_type", "text"),
    Line("Snapshot", "snapshot_id", "snapshot_id", "id"),
    Line("Project", "tenant_id", "tenant_id", "id"),
    Line("Server", "VMID", "vm_id", "id"),
    Line("Host", "OMID", "host_id", "id"),
)
_STORED = (
    Line("Disk size", "size", "size", "gb"),
    Line("Speed", "AT", "throughput_mb_s", "number", "MB/s"),
    Line("Saved", "SS", "space_saving_percent", "number", "%"),
    Line("Deduplicated", "DL", "deduplicated", "flag"),
    Line("Compressed", "DL", "compressed", "flag"),
    Line("Encrypted", "VK · CMKID", "encrypted", "flag"),
    Line("Key of the encryption", "CMKID", "cmk_id", "id"),
    Line("Vault", "vault_id", "vault_id", "id"),
    Line("Container", "container", "container", "id"),
    Line("Storage path", "SP", "storage_path", "id"),
    Line("Storage unit", "BP", "storage_unit_path", "id"),
    Line("Storage type", "BT", "storage_type", "number"),
)
_CHAIN = (
    Line("Chain size", "CS", "chain_size_mb", "mb"),
    Line("Needed by others", "has_dependent_backups", "has_dependent_backups", "flag"),
    Line("Incremental flag", "is_incremental", "is_incremental", "flag"),
    Line("Request was incremental", "INC", "inc", "number"),
    Line("Type", "Type", "type", "number"),
    Line("Objects", "object_count", "object_count", "number"),
    Line("Job", "ebk_T_I", "job_id", "copy"),
    Line("Backup image", "backupurl", "backup_image_id", "id"),
    Line("Other keys", "unmapped", "unmapped", "object"),
)
_TRACKING = (
    Line("State", "tracking_state", "tracking_state", "tracking_state"),
    Line("Known", "refreshed_at", "refreshed_at", "poll"),
    Line("Last tried", "attempted_at", "attempted_at", "poll"),
    Line("Next look", "next_refresh_at", "next_refresh_at", "poll"),
    Line("Counted as", "same_as", "same_as", "backup"),
    Line("Tracked since", "tracked_at", "tracked_at", "time"),
    Line("Tags", "tags", "tags", "tags"),
    Line("Note", "note", "note", "none"),
    Line("Could not read", "decode_problems", "decode_problems", "problems"),
)


# Of CBR alone, or of what two services show: where there is none, there is no line.
_ONLY_WITH_A_VALUE = frozenset({"expired_at", "vault_id", "policy_id", "parent_id", "same_as"})


def groups(row: Mapping[str, Any], links: Sequence[Link]) -> list[Group]:
    """Returns the facts in the order in which they are shown."""
    if row["tracking_state"] == "pending":
        # Nothing is supplied yet, so nothing can be missing.
        return [Group("Tracking", _facts(row, (_CLOUD, *_TRACKING)))]
    where = [*_facts(row, _WHERE), Fact("Links", "links", "links", links)]
    return [
        Group("What", _facts(row, _WHAT)),
        Group("Where", where),
        Group("How stored", _facts(row, _STORED)),
        Group("Chain", _facts(row, _CHAIN)),
        Group("Tracking", _facts(row, _TRACKING)),
    ]


def _facts(row: Mapping[str, Any], lines: Sequence[Line]) -> list[Fact]:
    facts: list[Fact] = []
    for line in lines:
        value = row[line.field]
        if value is not None or line.field not in _ONLY_WITH_A_VALUE:
            facts.append(Fact(line.label, line.key, line.shape, value, line.unit))
    return facts
