"""What `incremental: true` says in CBR: nothing, of a disk's first backup, which is whole whatever
it says (backups/vbs/API.md §12.3); of a later one, that it holds what changed.
"""

import uuid
from collections.abc import Container, Sequence
from datetime import datetime
from typing import Literal, Protocol

from backups.vbs.statuses import STORES_NOTHING


class Known(Protocol):
    """A backup that is known, gone ones too; `at`: its place in time."""

    @property
    def id(self) -> uuid.UUID: ...
    @property
    def at(self) -> datetime: ...
    @property
    def status(self) -> str | None: ...


def kinds(
    backups: Sequence[Known], flagged: Container[uuid.UUID]
) -> dict[uuid.UUID, Literal["incremental", "unknown"]]:
    """Returns the kinds of those of one volume's backups that are `flagged` as incremental.

    With no older one known that stores something, it may be the first of all: unknown. As soon as
    an older one is known it is incremental.
    """
    kinds_by_id: dict[uuid.UUID, Literal["incremental", "unknown"]] = {}
    has_older = False
    for backup in sorted(backups, key=_place):
        if backup.id in flagged:
            kinds_by_id[backup.id] = "incremental" if has_older else "unknown"
        if backup.status not in STORES_NOTHING:
            has_older = True
    return kinds_by_id


def _place(backup: Known) -> tuple[datetime, uuid.UUID]:
    return backup.at, backup.id
