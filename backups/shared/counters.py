"""Counts by names in windows of time, in Redis where there is one for all processes, else in this
process. A counter lives as long as its window.
"""

import logging
import math
import time
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from backups.shared import broker_state

logger = logging.getLogger(__name__)
# A Redis that did not answer is not asked again for so long: it would slow every call.
REDIS_AWAY_S = 10
_redis_away = {"until": 0.0}  # by the process's monotonic clock


@dataclass(frozen=True)
class Count:
    """`is_within`: this one is not more than `most` in its window of `window_s` seconds."""

    is_within: bool
    most: int
    remaining: int
    window_s: int
    reset_s: int  # seconds until the window ends, at least 1


def count(rate: str, name: str) -> Count | None:
    """Counts one more of `name`, of which `rate` (as "20/minute") may be; None while Redis cannot
    be used.
    """
    if time.monotonic() < _redis_away["until"]:
        return None
    try:
        return _count(rate, name, settings.REDIS_URL)
    except (StorageError, RedisError, OSError) as e:
        why = broker_state.reason(e)
        logger.warning("calls are not counted: Redis cannot be used (%s): see REDIS_URL", why)
        _redis_away["until"] = time.monotonic() + REDIS_AWAY_S
        return None


def count_here(rate: str, name: str) -> Count:
    """Counts in this process alone."""
    return _count(rate, name, None)


def _count(rate: str, name: str, redis_url: str | None) -> Count:
    limit = _limit(rate)
    limiter = _limiter(redis_url)
    is_within = limiter.hit(limit, name)
    window = limiter.get_window_stats(limit, name)
    return Count(
        is_within=is_within,
        most=limit.amount,
        remaining=window.remaining,
        window_s=limit.get_expiry(),
        reset_s=max(1, math.ceil(window.reset_time - time.time())),
    )


@lru_cache
def _limit(text: str) -> RateLimitItem:
    return parse(text)


@lru_cache
def _limiter(redis_url: str | None) -> FixedWindowRateLimiter:
    options = {"socket_timeout": 1, "socket_connect_timeout": 1} if redis_url else {}
    return FixedWindowRateLimiter(
        storage_from_string(redis_url or "memory://", wrap_exceptions=True, **options)
    )
