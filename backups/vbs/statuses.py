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


# The groups are plain texts, for queries.
IN_FLIGHT: Final = (
    BackupStatus.CREATING.value,
    BackupStatus.RESTORING.value,
    BackupStatus.DELETING.value,
)
FAILED: Final = (
    BackupStatus.ERROR.value,
    BackupStatus.ERROR_DELETING.value,
    BackupStatus.ERROR_RESTORING.value,
)
SETTLED: Final = (BackupStatus.AVAILABLE.value, BackupStatus.DELETED.value, *FAILED)
RESTORABLE: Final = (BackupStatus.AVAILABLE.value, BackupStatus.RESTORING.value)
# It was made well, whatever became of it later.
CAME_GOOD: Final = (*RESTORABLE, BackupStatus.ERROR_RESTORING.value)
# It was made; its outcome tells how well.
LEAVING: Final = (
    BackupStatus.DELETING.value,
    BackupStatus.DELETED.value,
    BackupStatus.ERROR_DELETING.value,
)
MADE: Final = (*CAME_GOOD, *LEAVING)
STORES_NOTHING: Final = (BackupStatus.ERROR.value, BackupStatus.CREATING.value)
