"""What the page of one backup reads beside its volume and its history."""

import uuid
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
    return row


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
