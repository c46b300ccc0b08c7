"""What somebody is about to untrack, by name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from backups.models import Access, Backup
from backups.shared.batches import IDS_PER_QUERY

MOST_SHOWN: Final = 50
FIELDS: Final = ("id", "name", "cloud", "volume_id", "tracking_state", "created_at")


def shown_backups(ids: Sequence[str], now: datetime, *, access: Access) -> list[dict[str, Any]]:
    """Returns the first of these backups, those with a name first, as the page lists them."""
    rows = Backup.objects.visible_to(access).filter(pk__in=ids[:IDS_PER_QUERY])
    backups = list(rows.with_tracking_state(now).order_by().values(*FIELDS))
    backups.sort(key=lambda row: (row["name"] is None, row["name"] or "", row["id"]))
    return backups[:MOST_SHOWN]
