"""What calls to a cloud tell of the cloud itself: whether it answers, since when, and how long it
is to be left alone.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backups.clouds import call_counts, circuit_breaker, registry, service_end
from backups.clouds.stored_error import described
from backups.models import Cloud
from backups.vbs.client import Client
from backups.vbs.errors import NotAsked, SignInRefused, VBSError

logger = logging.getLogger(__name__)

COLUMNS = (
    "attempted_at",
    "last_good_at",
    "error",
    "refused_at",
    "refused_fingerprint",
    "signed_in_at",
    "catalog_type",
    "endpoint",
    "token_expires_at",
    "clock_ahead_seconds",
    "failures",
    "breaker_openings",
    "paused_until",
    "pause_reason",
    "probe_until",
    "service_missing_since",
    "address_missing_since",
    "service_ended_at",
    *call_counts.MINUTE_COLUMNS,
)
# Of these, what each good answer moves. Pages show it to the minute, or read it anew.
TOUCHED_COLUMNS = (
    "attempted_at",
    "last_good_at",
    "probe_until",
    "clock_ahead_seconds",
    *call_counts.MINUTE_COLUMNS,
)
MOST_OPENINGS = 30_000  # What the column holds.


@dataclass(frozen=True, slots=True)
class CallResult:
    """One call: when it was made, and its error; None for a good answer, a 404 of one
    backup is one too.

    `of_one_backup`: the error says nothing of the cloud, neither bad nor good.
    """

    asked_at: datetime
    error: VBSError | None = None
    of_one_backup: bool = False

    @property
    def is_good(self) -> bool:
        return self.error is None or not circuit_breaker.blames_the_cloud(self.error)


def state_of(cloud: Cloud) -> list[object]:
    """Returns what of the row is told of a cloud beside the times of its answers."""
    columns = [column for column in COLUMNS if column not in TOUCHED_COLUMNS]
    values = [getattr(cloud, column) for column in columns]
    return [cloud.attempted_at is None, cloud.last_good_at is None, *values]


def note(cloud: Cloud, results: Sequence[CallResult], now: datetime) -> None:
    """Writes results onto the row, which the caller has locked and saves (COLUMNS), and what this
    process knows of its own calls.
    """
    note_results(cloud, results, now)
    if cloud.name in registry.configured():
        _note_sign_in(cloud, registry.client(cloud.name))
        call_counts.add_to(cloud, registry.meter(cloud.name).drain(), now)


def note_results(cloud: Cloud, results: Sequence[CallResult], now: datetime) -> None:
    """Writes results onto the row, whoever made the calls. One good answer of many clears the
    cloud.
    """
    made = [result for result in results if not isinstance(result.error, NotAsked)]
    about_the_cloud = [result for result in made if not result.of_one_backup]
    _note_answers(cloud, made, about_the_cloud)
    _note_health(cloud, [result.error for result in about_the_cloud], now)
    _note_service(cloud, about_the_cloud)


def _note_answers(
    cloud: Cloud, made: Sequence[CallResult], about_the_cloud: Sequence[CallResult]
) -> None:
    for result in made:
        cloud.attempted_at = _later(cloud.attempted_at, result.asked_at)
    good = [result for result in about_the_cloud if result.is_good]
    for result in about_the_cloud:
        # A refused sign-in stands, even where others were answered meanwhile.
        if result.error is not None and (not good or isinstance(result.error, SignInRefused)):
            _note_error(cloud, result.error, result.asked_at)
    for result in good:
        cloud.last_good_at = _later(cloud.last_good_at, result.asked_at)
        cloud.error = None


def _later(stored: datetime | None, moment: datetime) -> datetime:
    return moment if stored is None else max(stored, moment)


def _note_health(cloud: Cloud, outcomes: Sequence[VBSError | None], now: datetime) -> None:
    health = circuit_breaker.after(registry.health(cloud), outcomes, now)
    cloud.failures = health.failures
    cloud.breaker_openings = min(health.breaker_openings, MOST_OPENINGS)
    cloud.paused_until = health.paused_until
    cloud.pause_reason = health.reason
    cloud.probe_until = None


def _note_service(cloud: Cloud, about_the_cloud: Sequence[CallResult]) -> None:
    before = cloud.service_ended_at
    for result in about_the_cloud:
        service_end.note(cloud, result.error, result.asked_at, is_good=result.is_good)
    if before is None and cloud.service_ended_at is not None:
        logger.warning("%s: its backup service has ended; nothing of it is deleted", cloud.name)


def _note_sign_in(cloud: Cloud, client: Client) -> None:
    if client.known_endpoint is not None:
        # Else nobody knows yet, and what was known stays.
        cloud.catalog_type = client.endpoint_type
        cloud.endpoint = client.known_endpoint
    if client.clock_ahead is not None:
        cloud.clock_ahead_seconds = round(client.clock_ahead.total_seconds())
    if client.signed_in_at is not None:
        cloud.signed_in_at = client.signed_in_at
        cloud.token_expires_at = client.token_expires_at


def _note_error(cloud: Cloud, error: VBSError, asked_at: datetime) -> None:
    if cloud.error is None or cloud.error["class"] != error.class_name:
        # Once for each trouble: what goes on is on the page.
        logger.warning("%s: %s", cloud.name, error.message_with_request)
    cloud.error = described(error, asked_at, before=cloud.error)
    config = registry.configured().get(cloud.name)
    if not isinstance(error, SignInRefused) or config is None:
        return
    # A pause that runs is not prolonged by calls that it did not stop.
    if cloud.refused_at is None or not registry.is_sign_in_paused(cloud, asked_at):
        cloud.refused_at = asked_at
    cloud.refused_fingerprint = registry.fingerprint(config)
