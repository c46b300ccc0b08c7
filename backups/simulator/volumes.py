"""The volumes: the generated disks, those that a test puts in or takes out, and those that the list
lacks.
"""

import threading
from collections.abc import Iterable
from typing import Any

from backups.simulator.body import Form
from backups.simulator.world import World


class Volumes:
    """Safe to use from many threads."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._added: dict[str, dict[str, Any]] = {}
        self._removed: set[str] = set()
        self._unlisted: set[str] = set()

    def add(self, body: dict[str, Any]) -> None:
        with self._lock:
            self._added[str(body["id"])] = body
            self._removed.discard(str(body["id"]))

    def remove(self, volume_id: str) -> None:
        with self._lock:
            self._added.pop(volume_id, None)
            self._removed.add(volume_id)

    def unlist(self, volume_ids: Iterable[str]) -> None:
        """From now on the list lacks just these, although they are there."""
        with self._lock:
            self._unlisted = set(volume_ids)

    def listed(self, form: Form) -> list[dict[str, Any]]:
        """What the list names."""
        with self._lock:
            unlisted = self._unlisted
        return [body for body in self._all(form) if body["id"] not in unlisted]

    def find(self, volume_id: str, form: Form) -> dict[str, Any] | None:
        """What the single GET answers."""
        return next((body for body in self._all(form) if body["id"] == volume_id), None)

    def _all(self, form: Form) -> list[dict[str, Any]]:
        """Added ones first, then the generated ones."""
        with self._lock:
            added, gone = list(self._added.values()), self._removed | self._added.keys()
        return added + [body for body in self._world.volumes(form) if body["id"] not in gone]
