"""What was seen to change in a backup, newest first, and how long it was in each status. Two
queries.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backups.analysis.history import Span, spans
from backups.models import Revision

SHOWN = 50  # changes on a page; the JSON API gives them all


@dataclass(frozen=True)
class Change:
    """`words`: `{word, before, after}`. `first`: the first answer, told as a change from
    nothing.
    """

    at: datetime
    words: Sequence[dict[str, Any]]
    first: bool


@dataclass(frozen=True)
class History:
    changes: tuple[Change, ...]
    more: bool  # there are older ones
    spans: tuple[Span, ...]


def history(backup_id: uuid.UUID) -> History:
    mine = Revision.objects.filter(backup=backup_id)
    newest = list(mine.newest_first().values_list("at", "changes", "keep")[: SHOWN + 1])
    kept = list(mine.filter(keep=True).order_by("at", "id").values_list("at", "changes"))
    changes = tuple(
        Change(at, words, keep and _is_first(words)) for at, words, keep in newest[:SHOWN]
    )
    return History(changes, len(newest) > SHOWN, spans(kept))


def _is_first(words: Sequence[dict[str, Any]]) -> bool:
    return len(words) > 1 and all(word["before"] is None for word in words)
