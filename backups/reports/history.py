"""What was seen to change in a backup, newest first, and how long it was in each status."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backups.analysis.history import Span, spans
from backups.models import Access, Revision

CHANGES_SHOWN = 50  # on a page; the JSON API gives them all


@dataclass(frozen=True)
class Change:
    """`fields`: `{word, before, after}`. `first`: the first answer, shown as
    a change from nothing.
    """

    at: datetime
    fields: Sequence[dict[str, object]]
    first: bool


@dataclass(frozen=True)
class History:
    """`more`: there are older changes."""

    changes: tuple[Change, ...]
    more: bool
    spans: tuple[Span, ...]


def history(backup_id: uuid.UUID, *, access: Access) -> History:
    """Returns the newest changes and all statuses of a backup, in two queries."""
    revisions = Revision.objects.visible_to(access).filter(backup=backup_id)
    newest = list(revisions.newest_first().defer("body")[: CHANGES_SHOWN + 1])
    changes = []
    for revision in newest[:CHANGES_SHOWN]:
        is_first = revision.keep and _is_first(revision.changes)
        changes.append(Change(revision.at, revision.changes, is_first))
    status_changes = revisions.filter(keep=True).order_by("at", "id").values_list("at", "changes")
    return History(
        changes=tuple(changes),
        more=len(newest) > CHANGES_SHOWN,
        spans=spans(status_changes),
    )


def _is_first(fields: Sequence[dict[str, object]]) -> bool:
    return len(fields) > 1 and all(field["before"] is None for field in fields)
