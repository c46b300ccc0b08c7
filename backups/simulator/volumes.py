"""The volumes: the generated ones, those that a test puts in or takes out, and those
that the list lacks.
"""

import threading
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from backups.simulator.body import Form
from backups.simulator.stream import SimulatedVolume
from backups.simulator.world import World, volume_body
from backups.vbs.json_object import JsonObject


class VolumeWords(NamedTuple):
    name: str
    size_gb: int


class Volumes:
    """Safe to use from many threads."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._added: dict[str, JsonObject] = {}
        self._more: list[SimulatedVolume] = []
        self._generated = {volume.volume_id: volume for volume in world.planned_volumes}
        self._removed: set[str] = set()
        self._unlisted: set[str] = set()

    def add(self, body: Mapping[str, object]) -> None:
        with self._lock:
            self._added[str(body["id"])] = dict(body)
            self._removed.discard(str(body["id"]))

    def add_generated(self, volume: SimulatedVolume) -> None:
        """Lists one more generated volume."""
        with self._lock:
            self._more.append(volume)
            self._generated[volume.volume_id] = volume

    def remove(self, volume_id: str) -> None:
        with self._lock:
            self._added.pop(volume_id, None)
            self._removed.add(volume_id)

    def unlist(self, volume_ids: Iterable[str]) -> None:
        """Makes the list lack just these from now on, although they are there."""
        with self._lock:
            self._unlisted = set(volume_ids)

    def words_of(self, volume_id: str) -> VolumeWords:
        """Returns name and size of a volume; of one that nobody knows neither is known."""
        with self._lock:
            body = self._added.get(volume_id)
            if body is not None:
                size_gb = body.get("size")
                return VolumeWords(
                    str(body.get("name") or ""), size_gb if isinstance(size_gb, int) else 10
                )
            volume = self._generated.get(volume_id)
        if volume is None:
            return VolumeWords("", 10)
        return VolumeWords(volume.name, volume.size_gb)

    def listed(self, form: Form) -> list[JsonObject]:
        """Returns what the list names."""
        with self._lock:
            unlisted = self._unlisted
        return [body for body in self._all(form) if body["id"] not in unlisted]

    def find(self, volume_id: str, form: Form) -> JsonObject | None:
        """Returns what the single GET answers."""
        for body in self._all(form):
            if body["id"] == volume_id:
                return body
        return None

    def _all(self, form: Form) -> list[JsonObject]:
        """Returns added ones first, then the generated ones."""
        with self._lock:
            added = list(self._added.values())
            hidden = self._removed | self._added.keys()
            more = [volume_body(volume, form) for volume in self._more]
        generated = self._world.volumes(form) + more
        return added + [body for body in generated if body["id"] not in hidden]
