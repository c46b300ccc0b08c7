"""Policies, vaults and the runs that they make, apart from how either service writes them.

Times are seconds since 1970; sizes as their names say.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from backups.simulator.calendar import Calendar
from backups.vbs.json_object import JsonObject

Api = Literal["vbs", "cbr"]
ResourceKind = Literal["volume", "server"]


class Outcome(StrEnum):
    """What becomes of a run in the end."""

    MADE = "made"
    SKIPPED = "skipped"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    UNLOGGED = "unlogged"  # Neither a task nor a backup tells of it.


class State(StrEnum):
    """Where a run is at one moment."""

    WAITING = "waiting"
    RUNNING = "running"
    MADE = "made"
    SKIPPED = "skipped"
    FAILED = "failed"
    TIMED_OUT = "timed out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """How a run differs from the plan. `late`: how many seconds after its slot it begins."""

    outcome: Outcome = Outcome.MADE
    late: float = 0
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """A deviation of one resource on each day whose number leaves `day` when it is divided by
    `every`.
    """

    resource_id: str
    every: int
    day: int
    deviation: Deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`volumes`: of VBS; in CBR the vaults that are bound to it have them. `since`: it runs at no
    slot before. `keep` and `days`: its retention, None for without. `claimed`: how many volumes
    it says it has, None for as many as there are. `keys` overwrite what would be written.
    """

    id: str
    name: str
    api: Api
    calendar: Calendar
    volumes: tuple[str, ...] = ()
    enabled: bool = True
    since: float = 0
    keep: int | None = None
    days: int | None = None
    keep_first_of_month: bool = False
    per_day: int = 0
    per_week: int = 0
    per_month: int = 0
    per_year: int = 0
    time_zone: str | None = None
    seconds: float = 300
    claimed: int | None = None
    habits: tuple[Habit, ...] = ()
    # Of the generated cloud: its runs are the occurrences of the streams of this name.
    stream_name: str | None = None
    keys: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """`volumes`: of a server, all that are attached to it. `included` None: all but the
    excluded.
    """

    id: str
    kind: ResourceKind = "volume"
    name: str = ""
    size_gb: int = 10
    volumes: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    included: tuple[str, ...] | None = None
    protect_status: str = "available"

    @property
    def covered(self) -> tuple[str, ...]:
        """The volumes that a backup of it has."""
        if self.kind == "volume":
            return (self.id,)
        if self.included is not None:
            return self.included
        return tuple(volume for volume in self.volumes if volume not in self.excluded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """`since`: at slots before, its policy did not run for it yet."""

    id: str
    name: str
    resources: tuple[Resource, ...] = ()
    policy_id: str | None = None
    size_gb: int = 1000
    auto_expand: bool = False
    locked: bool = False
    status: str = "available"
    created: float = 0
    since: float = 0
    keys: JsonObject = field(default_factory=dict)

    @property
    def object_type(self) -> str:
        is_server = any(resource.kind == "server" for resource in self.resources)
        return "server" if is_server else "disk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One resource at one slot of a policy; `policy_id` None: a backup that was asked for by hand.
    `backup_id` is that of the pool, which CBR may show as another one.
    """

    id: str
    policy_id: str | None
    vault_id: str | None
    resource: Resource
    slot: float
    begins: float
    ends: float
    outcome: Outcome = Outcome.MADE
    code: str | None = None
    message: str | None = None
    backup_id: str | None = None
    backup_name: str | None = None
    checkpoint_id: str | None = None
    incremental: bool = True
    native: Api = "cbr"

    def state(self, now: float) -> State:
        if self.outcome is Outcome.SKIPPED:
            return State.SKIPPED
        if now < self.begins:
            return State.WAITING
        if now < self.ends:
            return State.RUNNING
        return State(self.outcome.value)

    def progress(self, now: float) -> int:
        if now >= self.ends:
            return 100
        elapsed = max(0.0, now - self.begins)
        return min(99, int(100 * elapsed / max(1.0, self.ends - self.begins)))
