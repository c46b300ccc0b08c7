"""What a cloud says of its policies, vaults and tasks, whatever its dialect (API.md §12).

Decoding never raises on a JSON value: what cannot be read is None, with a sentence in `problems`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from backups.vbs.errors import VBSError
from backups.vbs.json_object import JsonObject


class TaskState(StrEnum):
    """What became of a task; each dialect's own words are read as one of these."""

    MADE = "made"
    SKIPPED = "skipped"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    RUNNING = "running"
    WAITING = "waiting"
    UNKNOWN = "unknown"  # a word that nobody knows


class ResourceType(StrEnum):
    VOLUME = "volume"
    SERVER = "server"
    OTHER = "other"


@dataclass(frozen=True)
class Retention:
    """How many backups of a disk are kept, and how long; None: not by this. `forever`: the cloud
    says that nothing is deleted. `per_…`: of each day, week, month or year one is kept, so many.
    """

    count: int | None = None
    days: int | None = None
    forever: bool = False
    per_day: int = 0
    per_week: int = 0
    per_month: int = 0
    per_year: int = 0
    keep_first_of_month: bool = False


@dataclass(frozen=True)
class PolicyAnswer:
    """`schedule` is what `analysis.schedule.read` takes. `claimed`: how many disks the cloud says
    it has. `vault_ids`: the vaults that it is bound to, CBR alone; `vaults_known` False: one of
    them could not be read.
    """

    id: str
    name: str | None
    enabled: bool | None
    schedule: JsonObject
    retention: Retention
    claimed: int | None = None
    vault_ids: tuple[str, ...] = ()
    vaults_known: bool = True
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class VaultResourceAnswer:
    """`stored_mb`: of all its backups. `included` None: all disks of a server but the excluded."""

    id: str
    type: ResourceType
    name: str | None = None
    size_gb: int | None = None
    stored_mb: int | None = None
    backup_count: int | None = None
    protect_status: str | None = None
    excluded: tuple[str, ...] = ()
    included: tuple[str, ...] | None = None


@dataclass(frozen=True)
class VaultAnswer:
    id: str
    name: str | None
    status: str | None
    object_type: str | None
    size_gb: int | None
    allocated_gb: int | None
    used_mb: int | None
    auto_expand: bool | None
    locked: bool | None
    resources: tuple[VaultResourceAnswer, ...]
    # False when an entry of its resources could not be read: then nobody has left it.
    is_whole: bool = True
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskAnswer:
    """One run of a policy, or one operation. Times are aware, in UTC. `volume_id` is None where the
    task is about a server; `resource_id` names either.
    """

    id: str
    state: TaskState
    status: str | None
    policy_id: str | None
    resource_id: str | None
    resource_type: ResourceType
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    backup_id: str | None = None
    backup_name: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    job_id: str | None = None

    @property
    def volume_id(self) -> str | None:
        return self.resource_id if self.resource_type is ResourceType.VOLUME else None


@dataclass(frozen=True)
class TasksRead:
    """The tasks that one reading brought, up to where it came; what stopped it before is no error
    of what came.

    `known_since`: from then on no task is missing, None where nobody can say. `is_whole`: that is
    when it was asked for, or earlier. `error`: what it was stopped by.
    """

    tasks: tuple[TaskAnswer, ...]
    known_since: datetime | None
    is_whole: bool
    error: VBSError | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """All that one hourly reading brought. `vaults` None: the dialect has none."""

    policies: tuple[PolicyAnswer, ...]
    vaults: tuple[VaultAnswer, ...] | None = None
    # False when a list broke off, changed between two pages or held an entry without an ID: what it
    # does not name may be there all the same.
    is_whole: bool = True
    problems: tuple[str, ...] = field(default=())
