"""One entry of a volume list, as far as vbsdash needs it: Cinder and EVS give it alike (API.md
§7.2).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from backups.vbs import fields
from backups.vbs.fields import Problems


@dataclass(frozen=True)
class ListedVolume:
    """`name` is None where the cloud has none or an empty one; `size` in GB."""

    id: str
    name: str | None
    size: int | None


def decode(entries: Iterable[Any]) -> list[ListedVolume]:
    """The disks of a list, each once; an entry without an ID is passed over and hides no
    neighbour.
    """
    volumes: dict[str, ListedVolume] = {}
    for entry in entries:
        volume = decode_entry(entry)
        if volume is not None:
            volumes[volume.id] = volume
    return list(volumes.values())


def decode_entry(entry: Any) -> ListedVolume | None:
    """One entry of a list; None when it has no ID that can be read, so nobody knows which disk it
    names.
    """
    problems: Problems = []
    body = entry if isinstance(entry, dict) else {}
    volume_id = fields.identifier(body, "id", problems)
    if volume_id is None:
        return None
    name = fields.text(body, "name", problems)
    return ListedVolume(volume_id, name or None, fields.integer(body, "size", problems))
