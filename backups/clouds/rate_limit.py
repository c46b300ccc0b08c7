"""The call budget of each cloud, shared by all workers on all hosts: so many calls in a window of
seconds.

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

logger = logging.getLogger(__name__)

POLL = 0.02  # seconds between two looks at a used up window
AVOID_REDIS = 10.0  # seconds after it failed
URGENT_SHARE = 0.5  # of a window that is kept for urgent calls while there are any
URGENT_SECONDS = 2  # how long after its last fruitless look an urgent caller is counted as waiting
SECONDS = 1.0  # Redis may take for an answer: a frozen one must not hold the work up


@dataclass(frozen=True)
class Window:
    """`calls` in `seconds`, both whole: 0.3 a second is 3 in 10 s, 7.5 a second 15 in 2 s."""

    calls: int
    seconds: int


def window(per_second: float) -> Window:
    """The shortest window that holds a whole number of calls, to within a percent."""
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
        self._key, self._urgent_key = f"vbsdash/{cloud}/calls", f"vbsdash/{cloud}/urgent"
        self._urgent_seconds = urgent_seconds
        self._window = window(per_second) if per_second > 0 else None
        # a tenth of a second's worth at once: counting stays cheap, and others get their share
        self._most = max(1, math.ceil(per_second / 10))

    def take(self, wanted: int, *, urgent: bool = False) -> int:
        """How many of `wanted` calls may be made now: 0 when the window is used up."""
        if self._window is None:
            return wanted
        wanted = min(wanted, self._most)
        calls = self._window.calls
        limit = (
            calls if urgent or not self._others_are_urgent() else math.floor(calls * URGENT_SHARE)
        )
        if limit < calls and _count(lambda store: store.get(self._key)) >= limit:
            return 0
        used = _count(lambda store: store.incr(self._key, self._seconds, wanted))
        granted = max(0, min(wanted, calls - (used - wanted)))
        if urgent and not granted:
            _count(lambda store: store.incr(self._urgent_key, self._urgent_seconds))
        return granted

    def wait(self, wanted: int, *, until: float, urgent: bool = False) -> int:
        """Like `take`, but waits for a window with room, no longer than `until` in time.monotonic()
        seconds.
        """
        while not (granted := self.take(wanted, urgent=urgent)):
            if time.monotonic() + POLL >= until:
                return 0
            time.sleep(POLL / 4 if urgent else POLL)
        return granted

    @property
    def _seconds(self) -> int:
        return self._window.seconds if self._window else 1

    def _others_are_urgent(self) -> bool:
        return _count(lambda store: store.get(self._urgent_key)) > 0


class _Stores:
    """Where this process counts."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.redis: tuple[str, Storage] | None = None
        self.avoid_until: dict[
            str, float
        ] = {}  # address of a Redis that failed: time.monotonic() seconds
        self.database: Storage = DatabaseStorage()


_stores = _Stores()


def _count(question: Callable[[Storage], int]) -> int:
    """Ask Redis, else the database. When neither answers nothing may be called: a budget is a
    promise.
    """
    url = settings.REDIS_URL
    if url and time.monotonic() >= _stores.avoid_until.get(url, 0.0):
        try:
            return question(_redis(url))
        except (RedisError, OSError) as e:
            _stores.avoid_until[url] = time.monotonic() + AVOID_REDIS
            logger.warning(
                "budgets are counted in the database: Redis does not answer (%s)", type(e).__name__
            )
    try:
        return question(_stores.database)
    except DatabaseError as e:
        logger.warning("budgets cannot be counted, nothing is asked: %s", type(e).__name__)
        return 1 << 30


def _redis(url: str) -> Storage:
    with _stores.lock:
        if _stores.redis is None or _stores.redis[0] != url:
            _stores.redis = (
                url,
                RedisStorage(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS),
            )
        return _stores.redis[1]
