"""The call budget of each cloud, shared by all workers on all hosts: so many calls in
a window of seconds.

Redis counts (the `limits` library); without one, or while it does not answer, the database does.
Windows begin with their first call and end by the counter's own clock, so hosts may disagree about
the time. Redis only counts: nothing is lost with it but the window at hand. Urgent calls, for a
person, go before the others.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from django.conf import settings
from django.db import DatabaseError
from limits.storage import RedisStorage, Storage
from redis.exceptions import RedisError

from backups.clouds.rate_limit_store import DatabaseStorage
from backups.shared import broker_state

logger = logging.getLogger(__name__)

POLL_S = 0.02  # Between two questions about a used up window.
AVOID_REDIS_S = 10.0  # After it failed.
REDIS_TIMEOUT_S = 1.0  # A frozen Redis must not hold the work up.
URGENT_SHARE = 0.5  # Of a window, kept for urgent calls while there are any.
# How long after its last fruitless question an urgent caller is counted as waiting.
URGENT_SECONDS = 2
NO_BUDGET = 1 << 30  # A count that no window has room for.


@dataclass(frozen=True)
class Window:
    """`calls` in `seconds`, both whole: 0.3 a second is 3 in 10 s, 7.5 a second 15 in 2 s."""

    calls: int
    seconds: int


def window(per_second: float) -> Window:
    """Returns the shortest window that holds a whole number of calls, to within a percent."""
    if per_second >= 200:
        return Window(round(per_second), 1)
    if per_second < 0.05:
        return Window(1, math.ceil(1 / per_second))
    nearest = Fraction(per_second).limit_denominator(60)
    return Window(nearest.numerator, nearest.denominator)


class Budget:
    """Of one cloud, as seen by one process. Safe to use from many threads."""

    def __init__(
        self, cloud: str, per_second: float, *, urgent_seconds: int = URGENT_SECONDS
    ) -> None:
        self._calls_key = f"vbsdash/{cloud}/calls"
        self._urgent_key = f"vbsdash/{cloud}/urgent"
        self._urgent_seconds = urgent_seconds
        self._window = window(per_second) if per_second > 0 else None
        # A tenth of a second's worth at once: counting stays cheap, and others get their share.
        self._most_at_once = max(1, math.ceil(per_second / 10))

    def take(self, wanted: int, *, urgent: bool = False) -> int:
        """Returns how many of `wanted` calls may be made now: 0 when the window is used up."""
        if self._window is None:
            return wanted
        wanted = min(wanted, self._most_at_once)
        calls = self._window.calls
        seconds = self._window.seconds
        if not urgent and self._others_are_urgent():
            share = math.floor(calls * URGENT_SHARE)
            if _count(lambda storage: storage.get(self._calls_key)) >= share:
                return 0
        used = _count(lambda storage: storage.incr(self._calls_key, seconds, wanted))
        granted = max(0, min(wanted, calls - (used - wanted)))
        if urgent and not granted:
            _count(lambda storage: storage.incr(self._urgent_key, self._urgent_seconds))
        return granted

    def wait(self, wanted: int, *, until: float, urgent: bool = False) -> int:
        """Does what `take` does, but waits for a window with room, no longer than
        `until` in time.monotonic() seconds.
        """
        while True:
            granted = self.take(wanted, urgent=urgent)
            if granted:
                return granted
            if time.monotonic() + POLL_S >= until:
                return 0
            time.sleep(POLL_S / 4 if urgent else POLL_S)

    def _others_are_urgent(self) -> bool:
        return _count(lambda storage: storage.get(self._urgent_key)) > 0


class _Storages:
    """Where this process counts."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.redis_url: str | None = None
        self.redis: Storage | None = None
        # By address of a Redis that failed: time.monotonic() seconds.
        self.avoid_redis_until: dict[str, float] = {}
        self.database: Storage = DatabaseStorage()


_storages = _Storages()


def _count(question: Callable[[Storage], int]) -> int:
    """Asks Redis, else the database. When neither answers nothing may be called: a
    budget is a promise.
    """
    url = settings.REDIS_URL
    if url and time.monotonic() >= _storages.avoid_redis_until.get(url, 0.0):
        try:
            return question(_redis(url))
        except (RedisError, OSError) as e:
            _storages.avoid_redis_until[url] = time.monotonic() + AVOID_REDIS_S
            logger.warning(
                "budgets are counted in the database: Redis cannot be used (%s): see REDIS_URL",
                broker_state.reason(e),
            )
    try:
        return question(_storages.database)
    except DatabaseError as e:
        logger.warning("budgets cannot be counted, nothing is asked: %s", type(e).__name__)
        return NO_BUDGET


def _redis(url: str) -> Storage:
    with _storages.lock:
        if _storages.redis is None or _storages.redis_url != url:
            _storages.redis = RedisStorage(
                url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
            )
            _storages.redis_url = url
        return _storages.redis
