"""All backups that the simulated project has: generated, added as they are, and created to run by
the clock.
"""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID, uuid5

from backups.simulator.body import Facts, Form, write
from backups.simulator.timeline import Phase, phase_at
from backups.simulator.world import Key, World
from backups.vbs import seed_example


class Row(Protocol):
    """One backup, whatever its origin. `now` is in seconds since 1970."""

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> Key: ...
    @property
    def volume_id(self) -> str: ...
    def name(self, now: float) -> str | None: ...
    def status(self, now: float) -> str: ...
    def encode(self, now: float, form: Form) -> bytes: ...


def _seconds(text: Any) -> float:
    """The time in `created_at`, for sorting alone; what is no time sorts first."""
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


class Given:
    """A backup served exactly as it was given."""

    def __init__(
        self,
        body: dict[str, Any],
        *,
        vanish: bool = False,
        listed: bool = True,
        text: bytes | None = None,
    ) -> None:
        self.id = str(body["id"])
        self.body, self.vanish, self.listed, self.text = body, vanish, listed, text
        self.key: Key = (_seconds(body.get("created_at")), self.id)
        self._bytes = json.dumps(body).encode()

    @property
    def volume_id(self) -> str:
        return str(self.body.get("volume_id"))

    def name(self, now: float) -> str | None:
        return self.body.get("name")

    def status(self, now: float) -> str:
        return str(self.body.get("status"))

    def encode(self, now: float, form: Form) -> bytes:
        return self._bytes


class Running:
    """A backup made by `Simulator.create`: it runs by the clock from the moment it was asked
    for.
    """

    listed, vanish, text = True, False, None

    def __init__(self, facts: Facts, *, seconds: float, fail: str | None) -> None:
        self.id, self.volume_id, self.key = facts.id, facts.volume_id, (facts.created, facts.id)
        self._facts, self._seconds, self._fail = facts, seconds, fail

    def _phase(self, now: float) -> Phase:
        return phase_at(
            now - self._facts.created, seconds=self._seconds, fails=self._fail is not None
        )

    def name(self, now: float) -> str | None:
        return self._facts.name

    def status(self, now: float) -> str:
        return self._phase(now).status

    def encode(self, now: float, form: Form) -> bytes:
        facts = self._facts
        phase = self._phase(now)
        current = Facts(
            id=facts.id,
            volume_id=facts.volume_id,
            size_gb=facts.size_gb,
            phase=phase,
            created=facts.created,
            ended=facts.created + self._seconds,
            name=facts.name,
            description=facts.description,
            full=facts.full,
            inc=facts.inc,
            chain_mb=642 if phase.metadata == "full" else 0,
            fail_reason=self._fail if phase.status == "error" else None,
        )
        return write(current, form)


class Store:
    """Safe to use from many threads. Times are seconds since 1970, read from `clock`."""

    def __init__(self, *, seed: int, backups: int, clock: Callable[[], float], space: UUID) -> None:
        self._clock, self._space = clock, space
        self.world = World(seed=seed, backups=backups)
        self._lock = threading.RLock()
        self._extras: dict[str, Given | Running] = {}
        self._removed: set[str] = set()
        self._created = 0
        self._version = 0
        self._order: tuple[tuple[int, int], list[Row]] = ((-1, -1), [])
        seed_text = seed_example.TEXT.encode()
        self.add(Given(json.loads(seed_text)["backup"], text=seed_text))
        self.now()  # the world is made here and not while the first request waits

    def now(self) -> float:
        """The clock's time; the world is brought to it."""
        now = self._clock()
        self.world.advance(now)
        return now

    def add(self, row: Given | Running) -> None:
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
        self, facts_of: Callable[[str, float], Facts], *, seconds: float, fail: str | None
    ) -> str:
        with self._lock:
            self._created += 1
            backup_id = str(uuid5(self._space, f"created {self._created}"))
            self.add(Running(facts_of(backup_id, self._clock()), seconds=seconds, fail=fail))
        return backup_id

    def find(self, backup_id: str) -> Row | None:
        """One backup by ID; a vanishing one is found once."""
        wanted = backup_id.lower()
        with self._lock:
            row = self._extras.get(wanted)
            if row is None:
                return None if wanted in self._removed else self.world.slots.get(wanted)
            if row.vanish:
                self.remove(wanted)
            return row

    def rows(self) -> list[Row]:
        """All listed backups, oldest first. The list is shared: do not change it."""
        with self._lock:
            version = (self.world.version, self._version)
            if self._order[0] != version:
                self._order = (
                    version,
                    [row for _, row in sorted(self._listed(), key=lambda pair: pair[0])],
                )
            return self._order[1]

    def _listed(self) -> Iterator[tuple[Key, Row]]:
        slots = self.world.slots
        hidden = self._removed | self._extras.keys()
        for _, slot_id in list(self.world.keys):
            slot = slots.get(slot_id)
            if slot is not None and slot_id not in hidden:
                yield slot.key, slot
        for row in self._extras.values():
            if row.listed:
                yield row.key, row
