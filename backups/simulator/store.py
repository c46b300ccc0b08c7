"""All backups that the simulated project has: generated, added as they are, and created to
run by the clock. Each is native to one service; which one shows it is the estate's to say.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID, uuid5

from backups.simulator.body import Facts, Form, write
from backups.simulator.policy import Api, Resource
from backups.simulator.timeline import Phase, phase_at
from backups.simulator.world import Key, Slot, World
from backups.vbs import seed_example


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What CBR says of how a backup came to be. `parent_id`: the backup of the server that it is a
    part of. `expires`: seconds since 1970, None for never. `is_first`: of its volume.
    """

    policy_id: str | None = None
    vault_id: str | None = None
    checkpoint_id: str | None = None
    parent_id: str | None = None
    expires: float | None = None
    is_first: bool = False


class Row(Protocol):
    """One backup, whatever its origin. `now` is in seconds since 1970. `native`: the service that
    made it.
    """

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> Key: ...
    @property
    def volume_id(self) -> str: ...
    @property
    def native(self) -> Api: ...
    @property
    def parent_id(self) -> str | None: ...
    def name(self, now: float) -> str | None: ...
    def status(self, now: float) -> str: ...
    def encode(self, now: float, form: Form) -> bytes: ...


def _seconds(text: object) -> float:
    """Returns the time in `created_at`, for sorting alone; what is no time sorts first."""
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


class VerbatimBackup:
    """A backup served exactly as it was put in. `vanish`: the single GET finds it once; `text`: the
    whole answer, byte for byte.
    """

    native: Api = "vbs"
    parent_id: str | None = None

    def __init__(
        self,
        body: Mapping[str, object],
        *,
        vanish: bool = False,
        listed: bool = True,
        text: bytes | None = None,
    ) -> None:
        self.id = str(body["id"])
        self.vanish = vanish
        self.listed = listed
        self.text = text
        self.key: Key = (_seconds(body.get("created_at")), self.id)
        self._body = body
        self._bytes = json.dumps(body).encode()

    @property
    def volume_id(self) -> str:
        return str(self._body.get("volume_id"))

    def name(self, now: float) -> str | None:
        name = self._body.get("name")
        return name if isinstance(name, str) else None

    def status(self, now: float) -> str:
        return str(self._body.get("status"))

    def encode(self, now: float, form: Form) -> bytes:
        return self._bytes


class RunningBackup:
    """A backup made by `Simulator.create`: it runs by the clock from the moment
    it was asked for.
    """

    listed = True
    vanish = False

    def __init__(
        self,
        facts: Facts,
        *,
        seconds: float,
        fail: str | None,
        native: Api = "vbs",
        origin: Origin | None = None,
    ) -> None:
        self.id = facts.id
        self.native: Api = native
        self.origin = origin
        self.volume_id = facts.volume_id
        self.key: Key = (facts.created, facts.id)
        self._facts = facts
        self._seconds = seconds
        self._fail = fail

    @property
    def parent_id(self) -> str | None:
        return self.origin.parent_id if self.origin is not None else None

    def _phase(self, now: float) -> Phase:
        elapsed = now - self._facts.created
        return phase_at(elapsed, seconds=self._seconds, fails=self._fail is not None)

    def name(self, now: float) -> str | None:
        return self._facts.name

    def status(self, now: float) -> str:
        return self._phase(now).status

    def facts_at(self, now: float) -> Facts:
        phase = self._phase(now)
        return replace(
            self._facts,
            phase=phase,
            ended=self._facts.created + self._seconds,
            chain_mb=642 if phase.metadata == "full" else 0,
            fail_reason=self._fail if phase.status == "error" else None,
        )

    def encode(self, now: float, form: Form) -> bytes:
        return write(self.facts_at(now), form)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerBackup:
    """A backup of a whole server, which CBR alone knows; those of its volumes are rows of their
    own.
    """

    id: str
    server: Resource
    name: str | None
    created: float
    seconds: float
    fails: bool
    origin: Origin

    def phase(self, now: float) -> Phase:
        return phase_at(now - self.created, seconds=self.seconds, fails=self.fails)


class Store:
    """Safe to use from many threads. Times are seconds since 1970, read from `clock`."""

    def __init__(
        self, *, seed: int, backups: int, keep: int, clock: Callable[[], float], space: UUID
    ) -> None:
        self._clock = clock
        self._space = space
        self.world = World(seed=seed, backups=backups, keep=keep)
        self._lock = threading.RLock()
        self._extras: dict[str, VerbatimBackup | RunningBackup] = {}
        self._removed: set[str] = set()
        self._created = 0
        self._version = 0
        self._rows: list[Row] = []
        # Whether VBS shows a backup.
        self.is_shown: Callable[[Row], bool] = lambda row: True
        self._rows_version = (-1, -1)  # Of the world and of the store, when the rows were sorted.
        seed_text = seed_example.TEXT.encode()
        self.add(VerbatimBackup(json.loads(seed_text)["backup"], text=seed_text))
        self.now()  # The world is made here and not while the first request waits.

    def now(self) -> float:
        """Returns the clock's time; the world is brought to it."""
        now = self._clock()
        self.world.advance(now)
        return now

    @property
    def version(self) -> tuple[int, int]:
        """Differs as soon as a backup has come or gone."""
        return (self.world.version, self._version)

    def touch(self) -> None:
        """Makes the rows be chosen anew."""
        with self._lock:
            self._version += 1

    def add(self, row: VerbatimBackup | RunningBackup) -> None:
        with self._lock:
            self._extras[row.id.lower()] = row
            self._removed.discard(row.id.lower())
            self._version += 1

    def remove(self, backup_id: str) -> None:
        with self._lock:
            self._extras.pop(backup_id.lower(), None)
            self._removed.add(backup_id.lower())
            self._version += 1

    def create(
        self,
        facts_of: Callable[[str, float], Facts],
        *,
        seconds: float,
        fail: str | None,
        native: Api = "vbs",
    ) -> str:
        with self._lock:
            self._created += 1
            backup_id = str(uuid5(self._space, f"created {self._created}"))
            facts = facts_of(backup_id, self._clock())
            self.add(RunningBackup(facts, seconds=seconds, fail=fail, native=native))
        return backup_id

    def find(self, backup_id: str) -> Row | None:
        """Returns one backup by ID; a vanishing one is found once."""
        key = backup_id.lower()
        with self._lock:
            row = self._extras.get(key)
            if row is None:
                slot = None if key in self._removed else self.world.slots.get(key)
                return slot if slot is not None and self.is_shown(slot) else None
            if not self.is_shown(row):
                return None
            if row.vanish:
                self.remove(key)
            return row

    def rows(self) -> list[Row]:
        """Returns all that VBS lists, oldest first. The list is shared: do not change it."""
        with self._lock:
            version = self.version
            if self._rows_version != version:
                shown = (row for row in self._listed() if self.is_shown(row))
                self._rows = sorted(shown, key=lambda row: row.key)
                self._rows_version = version
            return self._rows

    def all_rows(self) -> list["Slot | RunningBackup"]:
        """Returns the whole pool but what was added as it is, whatever shows it."""
        with self._lock:
            return [row for row in self._listed() if isinstance(row, Slot | RunningBackup)]

    def _listed(self) -> Iterator[Row]:
        slots = self.world.slots
        hidden = self._removed | self._extras.keys()
        for _, slot_id in list(self.world.keys):
            slot = slots.get(slot_id)
            if slot is not None and slot_id not in hidden:
                yield slot
        for row in self._extras.values():
            if row.listed:
                yield row
