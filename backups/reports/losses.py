"""What would be lost if disks were gone now: of all of them, and by tag."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backups.analysis.protection import OUTSIDE
from backups.models import Access, Volume

_COLUMNS = (
    "cloud",
    "volume_id",
    "label",
    "name",
    "tags",
    "protection",
    "last_good_at",
    "last_good_id",
    "last_good__cloud",
)


@dataclass(frozen=True, kw_only=True)
class OldestRestorePoint:
    """The volume that would lose most. `backup_id` is None where the backup lies in a cloud that is
    not open to the reader. `sure` is False where a newer restore point may be there, or
    this one may be gone.
    """

    cloud: str
    volume_id: str
    title: str
    backup_id: str | None
    at: datetime
    is_overdue: bool
    sure: bool


@dataclass(frozen=True, kw_only=True)
class LossOfGroup:
    """The volumes of a tag, or all (`tag` None). `total` is of those that a backup is expected of;
    of these `never` have none, and of `unknown` nothing can be said now.
    """

    tag: str | None
    total: int
    never: int
    unknown: int
    worst: OldestRestorePoint | None


@dataclass(frozen=True)
class Losses:
    overall: LossOfGroup
    by_tag: tuple[LossOfGroup, ...]


def losses(now: datetime, *, access: Access) -> Losses:
    """Returns what would be lost of the volumes that the reader may see, in one query. Volumes that
    are exempt or deleted are left out: nothing is expected of them.
    """
    rows: Any = Volume.objects.visible_to(access).counted(access).with_protection(now)
    expected: list[dict[str, Any]] = []
    by_tag: dict[str, list[dict[str, Any]]] = {}
    for row in rows.order_by("pk").values(*_COLUMNS):
        if row["protection"] in OUTSIDE:
            continue
        if row["last_good__cloud"] is not None and not access.opens(row["last_good__cloud"]):
            row["last_good_id"] = None
        expected.append(row)
        for tag in row["tags"]:
            by_tag.setdefault(tag, []).append(row)
    groups = [_group(tag, of_tag) for tag, of_tag in sorted(by_tag.items())]
    return Losses(_group(None, expected), tuple(groups))


def _group(tag: str | None, rows: Iterable[dict[str, Any]]) -> LossOfGroup:
    total = 0
    counts = {"never": 0, "unknown": 0}
    worst: dict[str, Any] | None = None
    for row in rows:
        total += 1
        if row["protection"] in counts:
            counts[row["protection"]] += 1
        if row["last_good_at"] is None:
            continue
        if worst is None or row["last_good_at"] < worst["last_good_at"]:
            worst = row
    return LossOfGroup(
        tag=tag,
        total=total,
        never=counts["never"],
        unknown=counts["unknown"],
        worst=_oldest(worst) if worst else None,
    )


def _oldest(row: dict[str, Any]) -> OldestRestorePoint:
    return OldestRestorePoint(
        cloud=row["cloud"],
        volume_id=row["volume_id"],
        title=row["label"] or row["name"] or row["volume_id"],
        backup_id=str(row["last_good_id"]) if row["last_good_id"] else None,
        at=row["last_good_at"],
        is_overdue=row["protection"] == "overdue",
        sure=row["protection"] != "unknown",
    )
