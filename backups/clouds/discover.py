"""What a cloud lists itself, tracked or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from backups.clouds import registry
from backups.clouds.registry import UnknownCloud
from backups.models import Backup
from backups.vbs import payload
from backups.vbs.paging import is_listed


@dataclass(frozen=True)
class Listed:
    """An entry of the cloud's list; `tracked` says whether vbsdash has it already."""

    id: str
    name: str | None
    status: str | None
    volume_id: str | None
    size: int | None  # GB of the source disk
    created_at: datetime | None
    tracked: bool


@dataclass(frozen=True)
class Discovered:
    """`next_offset` is None behind the last page. Entries without a usable ID are left out."""

    backups: list[Listed]
    next_offset: int | None


def listed(cloud: str, *, limit: int, offset: int = 0, **filters: str) -> Discovered:
    """A page of the cloud's list, the newest first; one call to it. Raises UnknownCloud and
    VBSError.

    `filters`: status, volume_id or name, as the cloud's own list takes them.
    """
    if cloud not in registry.configured():
        raise UnknownCloud(cloud)
    entries = registry.client(cloud).list_backups(
        limit=limit, offset=offset, sort_dir="desc", **filters
    )
    usable = [entry for entry in entries if is_listed(entry)]
    return Discovered(_marked(usable), offset + len(entries) if len(entries) >= limit else None)


def _marked(entries: Sequence[dict[str, Any]]) -> list[Listed]:
    decoded = [payload.decode(entry) for entry in entries]
    known = set(
        Backup.objects.filter(pk__in=[UUID(str(one.id)) for one in decoded]).values_list(
            "pk", flat=True
        )
    )
    return [
        Listed(
            id=str(UUID(str(one.id))),
            name=one.name,
            status=one.status,
            volume_id=one.volume_id,
            size=one.size,
            created_at=one.created_at,
            tracked=UUID(str(one.id)) in known,
        )
        for one in decoded
    ]
