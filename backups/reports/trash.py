"""What is in the trash, as its page shows it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backups.models import Access, TrashedBackup
from backups.models.trash import KEPT_FOR
from backups.query.list_query import ListQuery
from backups.query.page import Pages
from backups.query.trash import TRASH


@dataclass(frozen=True)
class Kept:
    """A backup in the trash: who put it there, when, and until when it can be taken back."""

    pk: int
    cloud: str
    by: str
    trashed_at: datetime
    until: datetime


def pages(query: ListQuery, now: datetime, *, access: Access) -> Pages:
    return Pages(TRASH, query, now, rows=TrashedBackup.objects.visible_to(access))


def matching(query: ListQuery, now: datetime, *, access: Access) -> list[int]:
    """Returns the number of each row of a selection, in no order."""
    rows = pages(query, now, access=access).matching
    return list(rows.values_list("pk", flat=True))


def count(*, access: Access) -> int:
    return TrashedBackup.objects.visible_to(access).count()


def of_act(act: uuid.UUID, *, access: Access) -> Sequence[int]:
    """Returns the numbers of what one press put into the trash and is still there."""
    rows = TrashedBackup.objects.visible_to(access).filter(act=act)
    return list(rows.values_list("pk", flat=True))


def of_backup(backup_id: uuid.UUID, *, access: Access) -> Kept | None:
    """Returns what is kept of one backup, the newest; None when nothing is."""
    rows = TrashedBackup.objects.visible_to(access).filter(backup_id=backup_id)
    row = rows.order_by("-trashed_at", "-pk").defer("content", "search_text").first()
    if row is None:
        return None
    return Kept(row.pk, row.cloud_id, row.by, row.trashed_at, row.trashed_at + KEPT_FOR)
