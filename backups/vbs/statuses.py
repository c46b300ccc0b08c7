"""The statuses of a backup, as the API words them (API.md §2, of CBR §12.3), and the groups that
rules speak of.

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
    # Of CBR, which shares the others.
    PROTECTING = "protecting"
    WAITING_PROTECT = "waiting_protect"
    WAITING_DELETE = "waiting_delete"
    WAITING_RESTORE = "waiting_restore"


# The groups are plain texts, for queries.
# It is being made, or will be as soon as its turn comes.
MAKING: Final = (
    BackupStatus.CREATING.value,
    BackupStatus.PROTECTING.value,
    BackupStatus.WAITING_PROTECT.value,
)
# The service has taken the request and does not work on it yet.
QUEUED: Final = (
    BackupStatus.WAITING_PROTECT.value,
    BackupStatus.WAITING_DELETE.value,
    BackupStatus.WAITING_RESTORE.value,
)
IN_FLIGHT: Final = (
    *MAKING,
    BackupStatus.RESTORING.value,
    BackupStatus.DELETING.value,
    BackupStatus.WAITING_DELETE.value,
    BackupStatus.WAITING_RESTORE.value,
)
FAILED: Final = (
    BackupStatus.ERROR.value,
    BackupStatus.ERROR_DELETING.value,
    BackupStatus.ERROR_RESTORING.value,
)
SETTLED: Final = (BackupStatus.AVAILABLE.value, BackupStatus.DELETED.value, *FAILED)
RESTORABLE: Final = (
    BackupStatus.AVAILABLE.value,
    BackupStatus.RESTORING.value,
    BackupStatus.WAITING_RESTORE.value,
)
# It was made well, whatever became of it later.
CAME_GOOD: Final = (*RESTORABLE, BackupStatus.ERROR_RESTORING.value)
# It was made; its outcome tells how well.
LEAVING: Final = (
    BackupStatus.DELETING.value,
    BackupStatus.DELETED.value,
    BackupStatus.ERROR_DELETING.value,
    BackupStatus.WAITING_DELETE.value,
)
MADE: Final = (*CAME_GOOD, *LEAVING)
STORES_NOTHING: Final = (BackupStatus.ERROR.value, *MAKING)
