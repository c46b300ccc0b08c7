"""One entry of a volume list, as far as vbsdash needs it: Cinder and EVS give
it alike (API.md §7.2).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from backups.vbs import fields
from backups.vbs.fields import Problems


@dataclass(frozen=True)
class ListedVolume:
    """`name` is None where the cloud has none or an empty one; `size` in GB."""

    id: str
    name: str | None
    size: int | None


def decode(entries: Iterable[object]) -> list[ListedVolume]:
    """Returns the volumes of a list, each once; an entry without an ID is passed over
    and hides no neighbour.
    """
    volumes: dict[str, ListedVolume] = {}
    for entry in entries:
        volume = decode_entry(entry)
        if volume is not None:
            volumes[volume.id] = volume
    return list(volumes.values())


def decode_entry(entry: object) -> ListedVolume | None:
    """Returns one entry of a list; None when it has no ID that can be read, so nobody knows which
    volume it names.
    """
    if not isinstance(entry, dict):
        return None
    problems: Problems = []
    volume_id = fields.identifier(entry, "id", problems)
    if volume_id is None:
        return None
    name = fields.text(entry, "name", problems)
    return ListedVolume(volume_id, name or None, fields.integer(entry, "size", problems))
