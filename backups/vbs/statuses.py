"""The statuses of a backup, as the API words them (API.md §2), and the groups that rules speak of.

A cloud may send another word: it is kept and shown as it came, and stands in no group.
"""

from enum import StrEnum
from typing import Final


class BackupStatus(StrEnum):
    CREATING = "creating"
    AVAILABLE = "available"
    RESTORING = "restoring"
    DELETING = "deleting"
    DELETED = "deleted"
    ERROR = "error"
    ERROR_RESTORING = "error_restoring"
    ERROR_DELETING = "error_deleting"


def _words(*statuses: BackupStatus) -> tuple[str, ...]:
    """Plain texts, for queries."""
    return tuple(status.value for status in statuses)


IN_FLIGHT: Final = _words(BackupStatus.CREATING, BackupStatus.RESTORING, BackupStatus.DELETING)
FAILED: Final = _words(
    BackupStatus.ERROR, BackupStatus.ERROR_DELETING, BackupStatus.ERROR_RESTORING
)
SETTLED: Final = (*_words(BackupStatus.AVAILABLE, BackupStatus.DELETED), *FAILED)
RESTORABLE: Final = _words(BackupStatus.AVAILABLE, BackupStatus.RESTORING)
CAME_GOOD: Final = (*RESTORABLE, BackupStatus.ERROR_RESTORING.value)  # whatever became of it later
# Was made; how it came out is told by its outcome.
LEAVING: Final = _words(BackupStatus.DELETING, BackupStatus.DELETED, BackupStatus.ERROR_DELETING)
MADE: Final = (*CAME_GOOD, *LEAVING)
STORES_NOTHING: Final = _words(BackupStatus.ERROR, BackupStatus.CREATING)
