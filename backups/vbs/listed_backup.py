"""One entry of a list of backups, of whatever dialect, as far as a sweep needs it: cheap, for there
are 100,000 of them.
"""

from datetime import datetime
from typing import NamedTuple

from backups.vbs import fields, payload_cbr
from backups.vbs.ids import is_backup_id
from backups.vbs.paging import entry_id


class ListedBackup(NamedTuple):
    """`id` is None where the entry cannot be asked about. The other words are as they were written:
    only what is needed of them is read.

    `is_server`: the backup of a server, whose entry never has the backups of its disks.
    `raw_parent_id`: of the backup of one of those disks.
    """

    id: str | None
    raw_volume_id: str | None
    status: str | None
    created_text: str | None
    raw_snapshot_id: str | None = None
    is_server: bool = False
    raw_server_id: str | None = None
    raw_parent_id: str | None = None

    @property
    def volume_id(self) -> str | None:
        return read_id(self.raw_volume_id)

    @property
    def snapshot_id(self) -> str | None:
        return read_id(self.raw_snapshot_id)

    @property
    def server_id(self) -> str | None:
        return read_id(self.raw_server_id)

    @property
    def parent_id(self) -> str | None:
        return read_id(self.raw_parent_id)

    @property
    def created_at(self) -> datetime | None:
        return read_time(self.created_text)


def listed(entry: object) -> ListedBackup:
    """Returns what an entry says; a broken one hides no neighbour."""
    if not isinstance(entry, dict):
        return ListedBackup(None, None, None, None)
    raw_id = entry_id(entry)
    backup_id = raw_id if is_backup_id(raw_id) else None
    status = _text(entry.get("status"))
    created_text = _text(entry.get("created_at"))
    if not payload_cbr.has_this_shape(entry):
        volume_id = _text(entry.get("volume_id"))
        snapshot_id = _text(entry.get("snapshot_id"))
        return ListedBackup(backup_id, volume_id, status, created_text, snapshot_id)
    resource_type = payload_cbr.resource_type(entry)
    resource_id = _text(entry.get("resource_id"))
    is_server = resource_type in payload_cbr.SERVER_TYPES
    extend_info = entry.get("extend_info")
    return ListedBackup(
        backup_id,
        resource_id if resource_type in payload_cbr.VOLUME_TYPES else None,
        status,
        created_text,
        _text(extend_info.get("snapshot_id")) if isinstance(extend_info, dict) else None,
        is_server,
        resource_id if is_server else None,
        _text(entry.get("parent_id")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def read_id(raw: str | None) -> str | None:
    """Returns one spelling of an ID as it was written; None where it cannot be one."""
    return fields.identifier({"id": raw}, "id", [])


def read_time(text: str | None) -> datetime | None:
    return fields.instant({"at": text}, "at", [])
