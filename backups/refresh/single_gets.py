"""Refreshes backups by single GETs: claims what is due, asks outside any transaction, stores.

It goes on until nothing is due or the time is up. At once it claims what a few seconds of budget
can serve, so claims neither run out nor pile up.
"""

import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from backups.clouds import circuit_breaker, registry
from backups.clouds.cloud_health import CallResult
from backups.clouds.permission import may_ask, needs_a_call
from backups.models import Cloud
from backups.refresh.apply import apply
from backups.refresh.claims import (
    CLAIM,
    Claim,
    claim,
    claim_due,
    claim_of_cloud,
    claim_probe,
    release,
)
from backups.refresh.fetch import SLOWEST_ANSWER_S, FetchBatch, stopping
from backups.shared import clock, server_backups
from backups.vbs.errors import VBSError

JOB_S = 20.0  # how long one job of a worker goes on
BATCH_S = min(JOB_S, (CLAIM.total_seconds() - SLOWEST_ANSWER_S) / 2)
CLAIMED_AT_ONCE = 800
CLAIMED_BUDGET_S = 5.0  # the seconds of budget that claimed backups may stand for
PROBE_CLAIM = timedelta(seconds=30)


def refresh_due(name: str, *, seconds: float = JOB_S, singly: bool = False) -> int:
    """Refreshes what is due in a cloud, for at most so many seconds; returns the good answers.

    `singly` as in claim_due.
    """
    good = 0
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at and not stopping.is_set():
        now = clock.now()
        cloud = may_ask(name, now)
        if cloud is None:
            break
        if circuit_breaker.state(registry.health(cloud), now) == "half_open":
            return good + _probe(cloud, now)
        claimed = claim_due(name, now, most=_claim_size(name), singly=singly)
        if not claimed.ids:
            if needs_a_call(cloud, now):
                good += _call_shortest_list(name)
            break
        good += fetch_claimed(claimed)
    return good


def refresh_these(name: str, ids: Sequence[uuid.UUID]) -> int:
    """Refreshes these backups, due or not, before the work in bulk: a person waits. In place of
    a child the whole is asked about.

    What is left out stays due.
    """
    now = clock.now()
    cloud = may_ask(name, now)
    if cloud is None:
        return 0
    in_place = server_backups.asked_in_place(ids)
    ids = list(dict.fromkeys(in_place.get(pk, pk) for pk in ids))
    if circuit_breaker.state(registry.health(cloud), now) == "half_open":
        return _probe(cloud, now, ids)
    return fetch_claimed(claim(name, ids, now), urgent=True)


def fetch_claimed(claimed: Claim, *, urgent: bool = False) -> int:
    """Asks about claimed backups and stores the answers; returns how many were good.

    What was not asked about is released.
    """
    batch = FetchBatch(claimed.cloud, time.monotonic() + BATCH_S, urgent)
    good = 0
    try:
        for fetched in batch.fetch(claimed.ids):
            good += apply(claimed.cloud, fetched, claim=claimed).good
    finally:
        release(claimed)
    return good


def _claim_size(name: str) -> int:
    rate = registry.configured()[name].requests_per_second
    if not rate:
        return CLAIMED_AT_ONCE
    return max(1, min(CLAIMED_AT_ONCE, ceil(rate * CLAIMED_BUDGET_S)))


def _probe(cloud: Cloud, now: datetime, ids: Sequence[uuid.UUID] = ()) -> int:
    """Makes the one request that decides whether a cloud is asked again; one process makes it."""
    if not claim_of_cloud(cloud.name, "probe_until", now, now + PROBE_CLAIM):
        return 0
    claimed = claim(cloud.name, ids[:1], now) if ids else claim_probe(cloud.name, now)
    if not claimed.ids:
        return _call_shortest_list(cloud.name)
    return fetch_claimed(claimed, urgent=bool(ids))


def _call_shortest_list(name: str) -> int:
    """Asks for the shortest list there is: a sign of life of a cloud in which nothing is due."""
    requested_at = clock.now()
    error: VBSError | None = None
    try:
        with registry.meter(name).bulk(until=time.monotonic() + JOB_S):
            registry.client(name).list_backups(limit=1)
    except VBSError as e:
        error = e
    apply(name, [], calls=[CallResult(requested_at, error)])
    return int(error is None)
