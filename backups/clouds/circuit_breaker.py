"""When a cloud is left alone: for as long as it asks, or for growing pauses after repeated
failures. Pure.

Closed: ask. Open: ask nothing until `paused_until`. Half open: one probe decides; a good answer
closes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from backups.vbs.errors import NotAsked, VBSError

State = Literal["closed", "open", "half_open"]
THRESHOLD = 5  # failures in a row that open it
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(seconds=60)
LONGEST_ASKED = timedelta(
    minutes=9
)  # whatever Retry-After says: each cloud is asked something every 10 minutes
THROTTLED = frozenset({429, 503})
_FAULTS_OF_THE_CLOUD = frozenset({"unavailable", "unauthorized", "wrong_address", "malformed"})


@dataclass(frozen=True)
class Health:
    """`failures` in a row; `openings`: how often in a row the breaker opened; `reason`:
    "retry_after" or "breaker".
    """

    failures: int = 0
    breaker_openings: int = 0
    paused_until: datetime | None = None
    reason: str | None = None


def blames_the_cloud(error: VBSError) -> bool:
    """Rejected and gone are answers about one backup; so may be others, when the next call is
    good.
    """
    return error.class_name in _FAULTS_OF_THE_CLOUD and not isinstance(error, NotAsked)


def after(health: Health, outcomes: Sequence[VBSError | None], now: datetime) -> Health:
    """The health after these calls, in their order; None stands for a good answer."""
    for error in outcomes:
        if error is None or not blames_the_cloud(error):
            health = _good(health)
        else:
            health = replace(health, failures=health.failures + 1)
    throttled = [
        e
        for e in outcomes
        if e is not None and e.http_status in THROTTLED and e.retry_after is not None
    ]
    if throttled:
        asked = max(timedelta(seconds=e.retry_after or 0) for e in throttled)
        until = now + min(max(asked, timedelta(seconds=1)), LONGEST_ASKED)
        return Health(health.failures, health.breaker_openings, until, "retry_after")
    if any(e is not None and e.http_status == 429 for e in outcomes) and health.failures:
        return _opened(health, now)  # throttled without a word about how long
    return _opened(health, now) if health.failures >= THRESHOLD else health


def _good(health: Health) -> Health:
    """Closes the breaker; a pause that the cloud asked for holds, this answer may be of before
    it.
    """
    return (
        Health(0, 0, health.paused_until, health.reason)
        if health.reason == "retry_after"
        else Health()
    )


def _opened(health: Health, now: datetime) -> Health:
    pause: timedelta = FIRST_PAUSE * 2 ** min(health.breaker_openings, 10)
    return Health(
        health.failures, health.breaker_openings + 1, now + min(pause, LONGEST_PAUSE), "breaker"
    )


def state(health: Health, now: datetime) -> State:
    if health.paused_until is not None and health.paused_until > now:
        return "open"
    return "half_open" if health.failures >= THRESHOLD else "closed"
