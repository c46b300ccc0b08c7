"""What came of asking the clouds about some backups at one time: how many answered, what changed,
what could not be asked.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backups.models import Access, Backup, Revision
from backups.shared.batches import in_batches


@dataclass
class Outcome:
    """Of `total` backups `answered` have an answer, good or not. Of the good ones `changed` differ
    from before; `statuses` counts those with another status, by the new one. `failed` could not be
    asked, most of them for the reason `error`; `gone` does not exist any more.
    """

    total: int
    answered: int = 0
    changed: int = 0
    changed_fields: set[str] = field(default_factory=set)
    statuses: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    gone: int = 0

    @property
    def error(self) -> str:
        most_common = self.errors.most_common(1)
        return most_common[0][0] if most_common else ""


def outcome(ids: Sequence[uuid.UUID], asked_at: datetime, *, access: Access) -> Outcome:
    """Returns what came of asking about these at that time, in two queries for 500 of them. One
    that is untracked by now counts no more.
    """
    result = Outcome(total=0)
    for batch in in_batches(ids):
        rows = Backup.objects.visible_to(access).filter(pk__in=batch).order_by()
        for attempted_at, refreshed_at, gone_at, error in rows.values_list(
            "attempted_at", "refreshed_at", "gone_at", "error"
        ):
            result.total += 1
            if attempted_at is None or attempted_at <= asked_at:
                continue
            result.answered += 1
            if gone_at is not None:
                result.gone += 1
            elif refreshed_at is None or refreshed_at <= asked_at:
                result.failed += 1
                result.errors[_reason(error)] += 1
        changes = Revision.objects.visible_to(access).filter(backup__in=batch, at__gt=asked_at)
        _count_changes(changes.order_by("at", "id").values_list("backup", "changes"), result)
    return result


def count_unanswered(asked_at: datetime, *, access: Access) -> int:
    """Returns how many that were asked about at that very time wait still, whichever they are: an
    answer, good or not, gives a backup another time for its next one.
    """
    return Backup.objects.visible_to(access).filter(next_refresh_at=asked_at).count()


def _count_changes(revisions: Any, result: Outcome) -> None:
    changed = set()
    statuses: dict[uuid.UUID, str] = {}
    for backup_id, fields in revisions:
        changed.add(backup_id)
        for change in fields:
            result.changed_fields.add(str(change["word"]))
            if change["word"] == "status" and change["after"] is not None:
                statuses[backup_id] = str(change["after"])
    result.changed += len(changed)
    result.statuses.update(statuses.values())


def _reason(error: dict[str, Any] | None) -> str:
    if error is None or not error.get("message"):
        return "the cloud did not let vbsdash in"
    return str(error["message"])
