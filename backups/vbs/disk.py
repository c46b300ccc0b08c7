"""One entry of a volume list, as far as vbsdash needs it: Cinder and EVS give it alike (API.md §7.2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from backups.vbs import fields
from backups.vbs.fields import Problems


@dataclass(frozen=True)
class Disk:
    """`name` is None where the cloud has none or an empty one; `size` in GB."""

    id: str
    name: str | None
    size: int | None


def decode(entries: Iterable[Any]) -> list[Disk]:
    """The disks of a list, each once; an entry without an ID is passed over and hides no neighbour."""
    disks: dict[str, Disk] = {}
    for entry in entries:
        disk = decode_entry(entry)
        if disk is not None:
            disks[disk.id] = disk
    return list(disks.values())


def decode_entry(entry: Any) -> Disk | None:
    """One entry of a list; None when it has no ID that can be read, so nobody knows which disk it names."""
    problems: Problems = []
    body = entry if isinstance(entry, dict) else {}
    disk_id = fields.identifier(body, "id", problems)
    if disk_id is None:
        return None
    name = fields.text(body, "name", problems)
    return Disk(disk_id, name or None, fields.integer(body, "size", problems))
