"""So many calls a minute for each token or user, counted in Redis when there is one,
else in the process.
"""

import logging
import math
import time
from functools import lru_cache

from django.conf import settings
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from backups.models import ApiToken
from backups.shared import broker_state

logger = logging.getLogger(__name__)
# A Redis that did not answer is not asked again for so long: it would slow every call.
REDIS_AWAY_S = 10
_redis_away = {"until": 0.0}  # by the process's monotonic clock


class TokenThrottle(BaseThrottle):
    """Leaves its state on the request for the `RateLimit` headers. A counter that
    is away stops nobody.
    """

    def allow_request(self, request: Request, view: object) -> bool:
        limit = _limit(settings.API_RATE)
        who = _who(request)
        if time.monotonic() < _redis_away["until"]:
            return True
        try:
            is_allowed = _limiter(settings.REDIS_URL).hit(limit, who)
            window = _limiter(settings.REDIS_URL).get_window_stats(limit, who)
        except (StorageError, RedisError, OSError) as e:
            why = broker_state.reason(e)
            logger.warning("calls are not counted: Redis cannot be used (%s): see REDIS_URL", why)
            _redis_away["until"] = time.monotonic() + REDIS_AWAY_S
            return True
        self._wait = max(1, math.ceil(window.reset_time - time.time()))
        request._request.rate_limit = {  # type: ignore[attr-defined]
            "RateLimit-Limit": str(limit.amount),
            "RateLimit-Remaining": str(window.remaining),
            "RateLimit-Reset": str(self._wait),
            "RateLimit-Policy": f"{limit.amount};w={limit.get_expiry()}",
        }
        return bool(is_allowed)

    def wait(self) -> float:
        return self._wait


def _who(request: Request) -> str:
    if isinstance(request.auth, ApiToken):
        return f"token/{request.auth.pk}"
    return f"user/{request.user.pk}"


@lru_cache
def _limit(text: str) -> RateLimitItem:
    return parse(text)


@lru_cache
def _limiter(redis_url: str | None) -> FixedWindowRateLimiter:
    options = {"socket_timeout": 1, "socket_connect_timeout": 1} if redis_url else {}
    return FixedWindowRateLimiter(
        storage_from_string(redis_url or "memory://", wrap_exceptions=True, **options)
    )
