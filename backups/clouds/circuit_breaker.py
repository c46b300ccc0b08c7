"""When a cloud is left alone: for as long as it asks, or for growing pauses
after repeated failures. Pure.

Closed: ask. Open: ask nothing until `paused_until`. Half open: one probe decides;
a good answer closes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from backups.vbs.errors import NotAsked, VBSError

State = Literal["closed", "open", "half_open"]
THRESHOLD = 5  # Failures in a row that open it.
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(seconds=60)
SHORTEST_RETRY_AFTER = timedelta(seconds=1)
# Whatever Retry-After says: each cloud is asked something every 10 minutes.
LONGEST_RETRY_AFTER = timedelta(minutes=9)
THROTTLED = frozenset({429, 503})
_FAULTS_OF_THE_CLOUD = frozenset({"unavailable", "unauthorized", "wrong_address", "malformed"})


@dataclass(frozen=True)
class Health:
    """`failures` in a row; `breaker_openings`: how often in a row the breaker opened; `reason`:
    "retry_after" or "breaker".
    """

    failures: int = 0
    breaker_openings: int = 0
    paused_until: datetime | None = None
    reason: str | None = None


def blames_the_cloud(error: VBSError) -> bool:
    """Is an error the cloud's fault? Rejected and gone are answers about one backup; so may be
    others, when the next call is good.
    """
    return error.class_name in _FAULTS_OF_THE_CLOUD and not isinstance(error, NotAsked)


def after(health: Health, outcomes: Sequence[VBSError | None], now: datetime) -> Health:
    """Returns the health after these calls, in their order; None stands for a good answer."""
    longest_retry_after: float | None = None  # Seconds.
    is_throttled = False
    for error in outcomes:
        if error is None or not blames_the_cloud(error):
            health = _after_good_answer(health)
        else:
            health = replace(health, failures=health.failures + 1)
        if error is None:
            continue
        is_throttled = is_throttled or error.http_status == 429
        if error.http_status in THROTTLED and error.retry_after is not None:
            longest_retry_after = max(longest_retry_after or 0, error.retry_after)
    if longest_retry_after is not None:
        pause = max(timedelta(seconds=longest_retry_after), SHORTEST_RETRY_AFTER)
        until = now + min(pause, LONGEST_RETRY_AFTER)
        return replace(health, paused_until=until, reason="retry_after")
    if health.failures >= THRESHOLD:
        return _opened(health, now)
    if is_throttled and health.failures:  # Without telling for how long.
        return _opened(health, now)
    return health


def _after_good_answer(health: Health) -> Health:
    """Closes the breaker; a pause that the cloud asked for holds, this answer may
    be of before it.
    """
    if health.reason == "retry_after":
        return replace(health, failures=0, breaker_openings=0)
    return Health()


def _opened(health: Health, now: datetime) -> Health:
    pause: timedelta = FIRST_PAUSE * 2 ** min(health.breaker_openings, 10)
    return Health(
        failures=health.failures,
        breaker_openings=health.breaker_openings + 1,
        paused_until=now + min(pause, LONGEST_PAUSE),
        reason="breaker",
    )


def state(health: Health, now: datetime) -> State:
    if health.paused_until is not None and health.paused_until > now:
        return "open"
    return "half_open" if health.failures >= THRESHOLD else "closed"
