"""How long a backup was in each status, from what was seen to change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Span:
    """`status` was seen at `since` first; until `until`, or still, when that is None."""

    status: str | None
    since: datetime
    until: datetime | None

    def seconds(self, now: datetime) -> int:
        return max(0, int(((self.until or now) - self.since).total_seconds()))


def spans(revisions: Iterable[tuple[datetime, Sequence[Mapping[str, Any]]]]) -> tuple[Span, ...]:
    """`revisions`: instant and changes `{word, before, after}`, oldest first. Only changes
    of the status count.
    """
    so_far: list[Span] = []
    for at, changes in revisions:
        for change in changes:
            if change["word"] == "status":
                if so_far:
                    so_far[-1] = replace(so_far[-1], until=at)
                so_far.append(Span(change["after"], since=at, until=None))
    return tuple(so_far)
