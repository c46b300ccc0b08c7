"""What the page of one backup reads beside its volume and its history."""

import uuid
from collections.abc import Iterable, MutableMapping
from datetime import datetime
from typing import Any

from backups.models import Access, Backup, Body, Edit

_FIELDS = (
    *(field.name for field in Backup._meta.concrete_fields),
    "tracking_state",
    "cloud__error",
)


def backup_row(backup_id: uuid.UUID, now: datetime, *, access: Access) -> dict[str, Any] | None:
    """Returns every column of a backup, its `tracking_state` at `now`, and `cloud__error`; None
    when it is not tracked, or not where the reader may look.
    """
    rows = Backup.objects.visible_to(access).with_tracking_state(now).filter(pk=backup_id)
    row: dict[str, Any] | None = rows.values(*_FIELDS).first()
    if row is not None:
        hide_doubles([row], access=access)
    return row


def hide_doubles(rows: Iterable[MutableMapping[str, Any]], *, access: Access) -> None:
    """Takes out of rows of backups which other backup each is, where that is not open to the
    reader; no query for who may see all clouds.
    """
    named = [row for row in rows if row.get("same_as") is not None]
    if access.clouds is None or not named:
        return
    wanted = {row["same_as"] for row in named}
    visible = Backup.objects.visible_to(access).filter(pk__in=wanted)
    known = set(visible.values_list("pk", flat=True))
    for row in named:
        if row["same_as"] not in known:
            row["same_as"] = None


def last_answer(backup_id: uuid.UUID, *, access: Access) -> Body | None:
    return Body.objects.visible_to(access).filter(pk=backup_id).first()


def last_edit(backup_id: uuid.UUID, *, access: Access) -> Edit | None:
    edits = Edit.objects.filter(backup=backup_id)
    if access.clouds is not None:
        edits = edits.filter(backup__cloud__in=access.clouds)
    return edits.order_by("-id").first()


def count_with_cause(cause: str, *, access: Access) -> int:
    """Counts the backups that have this cause now."""
    return Backup.objects.visible_to(access).filter(cause=cause).count()
