"""What calls to a cloud tell of the cloud itself: heard or not, since when, and how long it is to
be left alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backups.clouds import call_counts, circuit_breaker, registry
from backups.clouds.stored_error import described
from backups.models import Cloud
from backups.vbs.errors import NotAsked, SignInRefused, VBSError

COLUMNS = (
    *(
        "attempted_at",
        "last_good_at",
        "error",
        "refused_at",
        "refused_fingerprint",
        "signed_in_at",
        "catalog_type",
    ),
    *("endpoint", "token_expires_at", "clock_ahead_seconds"),
    *(
        "failures",
        "breaker_openings",
        "paused_until",
        "pause_reason",
        "probe_until",
        *call_counts.MINUTES,
    ),
)


@dataclass(frozen=True, slots=True)
class CallResult:
    """One call: when it was made, and its error; None for a good answer, a 404 of one backup is one
    too.

    `of_one_backup`: the error says nothing of the cloud, neither bad nor good.
    """

    asked_at: datetime
    error: VBSError | None = None
    of_one_backup: bool = False


def note(cloud: Cloud, outcomes: Sequence[CallResult], now: datetime) -> None:
    """Onto the row, which the caller has locked and saves (COLUMNS). One good answer of many clears
    the cloud.
    """
    asked = [one for one in outcomes if not isinstance(one.error, NotAsked)]
    real = [one for one in asked if not one.of_one_backup]
    good = [
        one.asked_at
        for one in real
        if one.error is None or not circuit_breaker.blames_the_cloud(one.error)
    ]
    if asked:
        cloud.attempted_at = max(
            *(one.asked_at for one in asked), cloud.attempted_at or asked[0].asked_at
        )
    for one in real:
        if one.error is not None and (not good or isinstance(one.error, SignInRefused)):
            _note_error(cloud, one.error, one.asked_at)
    if good:
        cloud.last_good_at = max(*good, cloud.last_good_at or good[0])
        cloud.error = None
    health = circuit_breaker.after(registry.health(cloud), [one.error for one in real], now)
    cloud.failures, cloud.breaker_openings = health.failures, min(health.breaker_openings, 30_000)
    cloud.paused_until, cloud.pause_reason, cloud.probe_until = (
        health.paused_until,
        health.reason,
        None,
    )
    if cloud.name in registry.configured():
        client = registry.client(cloud.name)
        cloud.catalog_type, cloud.endpoint = (
            client.endpoint_type,
            client.endpoint_found or cloud.endpoint,
        )
        if client.clock_ahead is not None:
            cloud.clock_ahead_seconds = round(client.clock_ahead.total_seconds())
        if client.signed_in_at is not None:
            cloud.signed_in_at, cloud.token_expires_at = (
                client.signed_in_at,
                client.token_expires_at,
            )
        call_counts.count(cloud, registry.meter(cloud.name).drain(), now)


def _note_error(cloud: Cloud, error: VBSError, asked_at: datetime) -> None:
    cloud.error = described(error, asked_at, before=cloud.error)
    config = registry.configured().get(cloud.name)
    if isinstance(error, SignInRefused) and config is not None:
        fresh = cloud.refused_at is None or not registry.must_wait(cloud, asked_at)
        cloud.refused_at = asked_at if fresh else cloud.refused_at
        cloud.refused_fingerprint = registry.fingerprint(config)
