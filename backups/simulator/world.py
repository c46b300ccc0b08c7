"""The generated cloud: a function of (seed, now), so the same backups are
there after any restart.
"""

import heapq
import threading
from bisect import bisect_left, insort
from collections import deque
from uuid import UUID, uuid5

from backups.simulator.body import Facts, Form, stamp, uuid_from, write
from backups.simulator.peculiarities import add_peculiarities
from backups.simulator.plan import FILL_KEEP, Plan, make_plan, names_of
from backups.simulator.policy import Api
from backups.simulator.stream import DAY, SimulatedVolume, Stream
from backups.simulator.timeline import AVAILABLE, ERROR, Phase, phase_at
from backups.vbs.json_object import JsonObject

Key = tuple[float, str]


class Slot:
    """One occurrence of a stream. Bodies of settled ones are kept as bytes, for pages of 1,000."""

    __slots__ = ("_memo", "id", "key", "n", "queue", "start", "stream")
    native: Api = "vbs"

    def __init__(self, stream: Stream, n: int, space: UUID, queue: "deque[Slot]") -> None:
        self.stream = stream
        self.n = n
        self.queue = queue
        self.id = str(uuid5(space, f"{stream.key}/{n}"))
        self.start = stream.starts(n)
        self.key: Key = (self.start, self.id)
        self._memo: tuple[tuple[str, bool, Form], bytes] | None = None

    @property
    def volume_id(self) -> str:
        return self.stream.volume.volume_id

    @property
    def parent_id(self) -> str | None:
        """The backup of a whole server that this one is a part of, as CBR has it."""
        if self.stream.peculiarity != "csbs":
            return None
        return uuid_from(f"server backup {self.id}")

    def phase(self, now: float) -> Phase:
        stream = self.stream
        phase = phase_at(
            now - self.start,
            seconds=stream.takes(self.n),
            fails=stream.fails(self.n),
            frozen_at=stream.frozen_at,
        )
        if phase is not AVAILABLE:
            return phase
        if self.queue[-1] is self:
            status = stream.newest
        elif self.queue[0] is self:
            status = stream.oldest
        else:
            status = None
        return Phase(status, None, "full") if status else phase

    def status(self, now: float) -> str:
        return self.phase(now).status

    def name(self, now: float) -> str | None:
        return self.facts(self.phase(now)).name

    def encode(self, now: float, form: Form) -> bytes:
        phase = self.phase(now)
        if phase.progress is not None or phase.metadata == "none":
            return write(self.facts(phase), form)
        tag = (phase.status, self.queue[-1] is self, form)
        memo = self._memo
        if memo is None or memo[0] != tag:
            memo = (tag, write(self.facts(phase), form))
            self._memo = memo
        return memo[1]

    def facts_at(self, now: float) -> Facts:
        return self.facts(self.phase(now))

    def facts(self, phase: Phase) -> Facts:
        stream = self.stream
        n = self.n
        volume = stream.volume
        full = stream.is_full(n)
        seconds = stream.takes(n)
        if phase is ERROR:
            seconds *= 0.4  # It fails before it would have been finished.
        facts = Facts(
            id=self.id,
            volume_id=volume.volume_id,
            size_gb=volume.size_gb,
            phase=phase,
            created=self.start,
            ended=self.start + seconds,
            full=full,
            inc=0 if full else 1,
            chain_mb=0 if phase.metadata == "none" else stream.chain_mb(n),
            speed=round(5 + stream.random_bits(n, "speed") % 900 / 10, 1),
            has_dependent=self.queue[-1] is not self and (n + 1) % stream.full_every != 0,
            bootable=volume.bootable,
            zone=f"eu-de-0{1 + volume.index % 3}",
        )
        add_peculiarities(stream, n, facts)
        return facts


class World:
    """The backups that exist now, in the order of their beginnings. Safe to
    use from many threads.
    """

    def __init__(self, *, seed: int, backups: int, keep: int = FILL_KEEP) -> None:
        self._space = names_of(seed)
        self._plan: Plan = make_plan(seed=seed, backups=backups, keep=keep)
        self._lock = threading.Lock()
        self._now = float("-inf")
        self.slots: dict[str, Slot] = {}
        self.keys: list[Key] = []
        self._due: list[tuple[float, int]] = []
        self._queues: list[deque[Slot]] = []
        self.version = 0

    @property
    def streams(self) -> tuple[Stream, ...]:
        return self._plan.streams

    def occurrence_id(self, stream: Stream, n: int) -> str:
        """Returns the ID of a backup, even of one that went long ago."""
        return str(uuid5(self._space, f"{stream.key}/{n}"))

    @property
    def planned_volumes(self) -> tuple[SimulatedVolume, ...]:
        return self._plan.volumes

    def advance(self, now: float) -> None:
        """Brings the world to `now`, which may also lie in the past."""
        with self._lock:
            if not 0 <= now - self._now <= DAY:
                self._build(now)
            while self._due and self._due[0][0] <= now:
                self._begin_next()
            self._now = now

    def _build(self, now: float) -> None:
        slots: dict[str, Slot] = {}
        self._queues = []
        self._due = []
        for index, stream in enumerate(self._plan.streams):
            queue: deque[Slot] = deque()
            newest = stream.newest_at(now)
            n = newest
            for _ in range(stream.keep):
                slot = Slot(stream, n, self._space, queue)
                queue.appendleft(slot)
                slots[slot.id] = slot
                n = stream.before(n)
            self._queues.append(queue)
            self._wait_for(index, newest)
        heapq.heapify(self._due)
        # Whole at once: other threads read without the lock.
        self.keys = sorted(slot.key for slot in slots.values())
        self.slots = slots
        self.version += 1

    def _wait_for(self, index: int, n: int) -> None:
        stream = self._plan.streams[index]
        heapq.heappush(self._due, (stream.begins(stream.after(n)) + stream.delay, index))

    def _begin_next(self) -> None:
        """Begins the next backup of the stream that is due; its oldest one goes."""
        index = heapq.heappop(self._due)[1]
        stream = self._plan.streams[index]
        queue = self._queues[index]
        slot = Slot(stream, stream.after(queue[-1].n), self._space, queue)
        queue.append(slot)
        old = queue.popleft()
        self.slots[slot.id] = slot
        del self.slots[old.id]
        insort(self.keys, slot.key)
        del self.keys[bisect_left(self.keys, old.key)]
        self._wait_for(index, slot.n)
        self.version += 1

    def volumes(self, form: Form) -> list[JsonObject]:
        """Returns the volume list, newest first: without removed volumes, with those that no backup
        was ever made of.
        """
        return [volume_body(volume, form) for volume in self.planned_volumes if volume.listed]


def volume_body(volume: SimulatedVolume, form: Form) -> JsonObject:
    """Returns a volume as EVS and Cinder list it in detail."""
    return {
        "id": volume.volume_id,
        "name": volume.name,
        "status": "in-use",
        "size": volume.size_gb,
        "bootable": "true" if volume.bootable else "false",
        "encrypted": volume.encrypted,
        "multiattach": False,
        "volume_type": "SAS",
        "availability_zone": f"eu-de-0{1 + volume.index % 3}",
        "description": None,
        "snapshot_id": None,
        "source_volid": None,
        "metadata": {},
        "attachments": _attachments(volume),
        "created_at": stamp(1735689600 + 3600.0 * volume.index),
        "updated_at": stamp(1735689600 + 3600.0 * volume.index + 60),
        "os-vol-tenant-attr:tenant_id": form.project_id,
        "links": [
            {"href": f"{form.url}/v2/{form.project_id}/volumes/{volume.volume_id}", "rel": "self"},
            {"href": f"{form.url}/{form.project_id}/volumes/{volume.volume_id}", "rel": "bookmark"},
        ],
    }


def _attachments(volume: SimulatedVolume) -> list[JsonObject]:
    """Returns what names the server of a volume, where there is one to speak of."""
    if not volume.bootable and volume.root_volume_id is None:
        return []
    return [
        {
            "server_id": volume.server_id,
            "attachment_id": uuid_from(f"attachment {volume.volume_id}"),
            "volume_id": volume.volume_id,
            "id": volume.volume_id,
            "device": "/dev/vda" if volume.bootable else "/dev/vdb",
            "host_name": None,
            "attached_at": stamp(1735689600 + 3600.0 * volume.index + 30),
        }
    ]
