"""Lists every field that leaves vbsdash: in the JSON API, in CSV, as a filter or as an order.

Serializers, CSV, filters, orders and the OpenAPI description are derived from these lists. A new
column of a model stays private everywhere until it is listed here.
"""

from typing import Final

# Columns of Backup, in the order in which JSON and CSV show them. Those that hold one value (no
# list and no object) can be filtered by as well.
BACKUP_COLUMNS: Final = (
    "id",
    "cloud",
    "status",
    "name",
    "size",
    "volume_id",
    "availability_zone",
    "fail_reason",
    "object_count",
    "container",
    "created_at",
    "updated_at",
    "data_timestamp",
    "snapshot_id",
    "is_incremental",
    "has_dependent_backups",
    "links",
    "tenant_id",
    "description",
    "inc",
    "progress",
    "chain_size_mb",
    "throughput_mb_s",
    "space_saving_percent",
    "deduplicated",
    "compressed",
    "service_type",
    "bootable",
    "type",
    "encrypted",
    "cmk_id",
    "backup_image_id",
    "storage_path",
    "storage_unit_path",
    "storage_type",
    "volume_type",
    "vm_id",
    "host_id",
    "job_id",
    "unmapped",
    "decode_problems",
    "kind",
    "kind_source",
    "kind_conflict",
    "tracked_at",
    "refreshed_at",
    "attempted_at",
    "next_refresh_at",
    "error",
    "note",
    "tags",
    "version",
)
# What a backup has in JSON and CSV: time alone changes the last one, so no column holds it.
BACKUP_FIELDS: Final = (*BACKUP_COLUMNS, "tracking_state")
# What the OpenAPI description says of fields whose names do not say it: units and sources.
BACKUP_FIELD_DESCRIPTIONS: Final = {
    "size": "Of the disk, in GB.",
    "chain_size_mb": "Of the chain up to this backup, in MB.",
    "throughput_mb_s": "In MB a second.",
    "space_saving_percent": "By deduplication and compression.",
    "progress": "In percent; many finished backups say 0.",
    "data_timestamp": "The moment of the disk that the backup holds.",
    "refreshed_at": "Of the last good answer.",
    "unmapped": "Keys of `service_metadata` that have no field here.",
    "version": "For `If-Match`: the change is refused when somebody was faster.",
}

# IDs of something else than the row itself, stored as text: they need not be UUIDs.
FOREIGN_IDS: Final = frozenset(
    {
        "volume_id",
        "snapshot_id",
        "tenant_id",
        "cmk_id",
        "backup_image_id",
        "vm_id",
        "host_id",
        "job_id",
    }
)

# Columns of Volume that the list of volumes can be filtered by.
VOLUME_COLUMNS: Final = (
    "cloud",
    "volume_id",
    "first_seen_at",
    "name",
    "size",
    "listed_at",
    "missing_since",
    "deleted_at",
    "unlisted_since",
    "label",
    "note",
    "exempt_reason",
    "exempt_until",
    "version",
    "derive_at",
    "tracked",
    "last_good_at",
    "last_good_source",
    "undated",
    "late_at",
    "overdue_at",
    "chain_size_mb",
    "rule_from",
    "rule_tag",
    "last_good_id",
)
# What a volume has in JSON: attributes of `reports.volumes.VolumeState`.
VOLUME_FIELDS: Final = (
    "cloud",
    "volume_id",
    "name",
    "label",
    "size",
    "follow",
    "protection",
    "why",
    "next",
    "last_good_id",
    "last_good_at",
    "late_at",
    "overdue_at",
    "rule",
    "exempt",
    "tags",
    "chain_size_mb",
    "failing_id",
    "failing_since",
    "failing_cause",
    "chains",
    "running_id",
    "follow_set",
    "last_good_source",
    "note",
    "version",
    "tracked",
    "deleted_at",
    "listed",
    "first_seen_at",
    "known_until",
    "changes_at",
    "loss",
    "worst_gap",
)
# What the answer for one volume has: attributes of `reports.volumes.VolumeDetail`.
VOLUME_DETAIL_FIELDS: Final = (
    *VOLUME_FIELDS,
    "own_rule",
    "edited",
    "growth",
)
