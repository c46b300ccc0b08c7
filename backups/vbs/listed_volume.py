"""One entry of a volume list, as far as vbsdash needs it: Cinder and EVS give
it alike (API.md §7.2).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from backups.vbs import fields
from backups.vbs.fields import Problems


@dataclass(frozen=True)
class ListedVolume:
    """`name` is None where the cloud has none or an empty one; `size` in GB. `server_ids`: of the
    servers that it is attached to, None where the entry does not say. `policy_id`: what its
    metadata name as its policy (API.md §12).
    """

    id: str
    name: str | None
    size: int | None
    server_ids: tuple[str, ...] | None = None
    policy_id: str | None = None


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
    return ListedVolume(
        volume_id,
        name or None,
        fields.integer(entry, "size", problems),
        _server_ids(entry.get("attachments")),
        _policy_id(entry.get("metadata")),
    )


def _server_ids(attachments: object) -> tuple[str, ...] | None:
    if not isinstance(attachments, list):
        return None
    server_ids: list[str] = []
    for attachment in attachments:
        if isinstance(attachment, dict):
            server_id = fields.identifier(attachment, "server_id", [])
            if server_id is not None and server_id not in server_ids:
                server_ids.append(server_id)
    return tuple(server_ids)


def _policy_id(metadata: object) -> str | None:
    if not isinstance(metadata, dict):
        return None
    policy_id: str | None = fields.identifier(metadata, "policy", [])
    return policy_id
