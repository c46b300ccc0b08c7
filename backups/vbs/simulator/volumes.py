"""The volume list: the generated disks, and volumes that a test puts in or takes out."""

import threading
from typing import Any

from backups.vbs.simulator.body import Form
from backups.vbs.simulator.world import World


class Volumes:
    """Safe to use from many threads."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._added: dict[str, dict[str, Any]] = {}
        self._removed: set[str] = set()

    def add(self, body: dict[str, Any]) -> None:
        with self._lock:
            self._added[str(body["id"])] = body
            self._removed.discard(str(body["id"]))

    def remove(self, volume_id: str) -> None:
        with self._lock:
            self._added.pop(volume_id, None)
            self._removed.add(volume_id)

    def all(self, form: Form) -> list[dict[str, Any]]:
        """Added ones first, then the generated ones."""
        with self._lock:
            added, gone = list(self._added.values()), self._removed | self._added.keys()
        return added + [body for body in self._world.volumes(form) if body["id"] not in gone]
