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
    found: dict[str, Disk] = {}
    for entry in entries:
        problems: Problems = []
        body = entry if isinstance(entry, dict) else {}
        if disk_id := fields.identifier(body, "id", problems):
            name, size = fields.text(body, "name", problems), fields.integer(body, "size", problems)
            found[disk_id] = Disk(disk_id, name or None, size)
    return list(found.values())
