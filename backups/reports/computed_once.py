"""Computes what many readers are shown once for each version of the data, not once for each reader.

Kept is beside each result the version that was read before it was computed. Whoever has read
another one computes anew, in whatever process: so what is served is as new as the version, or
newer, and never older (`reports/data_version.py`).

The results stay in the memory of the process. In Redis they would have to be pickled, and whoever
can write there could then run code here.
"""

import hashlib
import threading
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakValueDictionary

from django.core.cache import caches
from django.db import connection

from backups.models import Access

Result = TypeVar("Result")
CACHE = "computed"  # the one in CACHES, whose entries are bounded in number and age
_locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
_locks_guard = threading.Lock()


def computed_once(
    name: str,
    compute: Callable[[], Result],
    *,
    version: str | None,
    access: Access,
    of: object = (),
) -> Result:
    """Returns what `compute` came to for this version, the clouds of `access`, and `of`, which is
    whatever else it depends on. Who asks for the same meanwhile waits for the one that computes.

    `version` was read before anything that `compute` reads; None computes always. The result is a
    copy for each that asks, which pickle makes.
    """
    # What is read inside of a transaction may be taken back.
    if version is None or connection.in_atomic_block:
        return compute()
    key = _key(name, access, of)
    with _lock(key):
        kept: tuple[str, Result] | None = caches[CACHE].get(key)
        if kept is not None and kept[0] == version:
            return kept[1]
        result = compute()
        caches[CACHE].set(key, (version, result))
        return result


def _key(name: str, access: Access, of: object) -> str:
    clouds = None if access.clouds is None else sorted(access.clouds)
    seed = repr((connection.settings_dict["NAME"], clouds, of))
    return f"{name}-{hashlib.blake2b(seed.encode(), digest_size=16).hexdigest()}"


def _lock(key: str) -> threading.Lock:
    """Returns the lock of a key, which lives as long as somebody holds it or waits for it."""
    with _locks_guard:
        lock = _locks.get(key)
        if lock is None:
            lock = threading.Lock()
            _locks[key] = lock
        return lock
