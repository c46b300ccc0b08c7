"""What a cloud lists itself, tracked or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backups.clouds import registry
from backups.clouds.registry import UnknownCloud
from backups.models import Access, Backup
from backups.vbs import payload
from backups.vbs.json_object import JsonObject
from backups.vbs.paging import is_listed


@dataclass(frozen=True)
class Listed:
    """An entry of the cloud's list; `tracked` says whether vbsdash has it already, where the reader
    may see it.
    """

    id: str
    name: str | None
    status: str | None
    volume_id: str | None
    size: int | None  # GB of the source volume
    created_at: datetime | None
    tracked: bool


@dataclass(frozen=True)
class Discovered:
    """`next_offset` is None behind the last page. Entries without a usable ID are left out."""

    backups: list[Listed]
    next_offset: int | None


def listed(
    cloud: str, *, access: Access, limit: int, offset: int = 0, **filters: str
) -> Discovered:
    """Returns a page of the cloud's list, the newest first; one call to it.
    Raises UnknownCloud and VBSError.

    `filters`: status, volume_id or name, as the cloud's own list takes them.
    """
    if cloud not in registry.configured_for(access):
        raise UnknownCloud(cloud, access)
    entries = registry.client(cloud).list_backups(
        limit=limit, offset=offset, sort_dir="desc", **filters
    )
    usable = [entry for entry in entries if isinstance(entry, dict) and is_listed(entry)]
    is_last_page = len(entries) < limit
    return Discovered(_marked(usable, access), None if is_last_page else offset + len(entries))


def _marked(entries: Sequence[JsonObject], access: Access) -> list[Listed]:
    """Decodes entries of the list and marks those that are tracked."""
    ids = [UUID(str(entry["id"])) for entry in entries]
    backups = Backup.objects.visible_to(access).filter(pk__in=ids)
    tracked = set(backups.values_list("pk", flat=True))
    marked: list[Listed] = []
    for backup_id, entry in zip(ids, entries, strict=True):
        backup = payload.decode(entry)
        marked.append(
            Listed(
                id=str(backup_id),
                name=backup.name,
                status=backup.status,
                volume_id=backup.volume_id,
                size=backup.size,
                created_at=backup.created_at,
                tracked=backup_id in tracked,
            )
        )
    return marked
