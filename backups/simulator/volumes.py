"""The volumes: the generated ones, those that a test puts in or takes out, and those
that the list lacks.
"""

import threading
from collections.abc import Iterable, Mapping

from backups.simulator.body import Form
from backups.simulator.world import World
from backups.vbs.json_object import JsonObject


class Volumes:
    """Safe to use from many threads."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._added: dict[str, JsonObject] = {}
        self._removed: set[str] = set()
        self._unlisted: set[str] = set()

    def add(self, body: Mapping[str, object]) -> None:
        with self._lock:
            self._added[str(body["id"])] = dict(body)
            self._removed.discard(str(body["id"]))

    def remove(self, volume_id: str) -> None:
        with self._lock:
            self._added.pop(volume_id, None)
            self._removed.add(volume_id)

    def unlist(self, volume_ids: Iterable[str]) -> None:
        """Makes the list lack just these from now on, although they are there."""
        with self._lock:
            self._unlisted = set(volume_ids)

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
        generated = self._world.volumes(form)
        return added + [body for body in generated if body["id"] not in hidden]
