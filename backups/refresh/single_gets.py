"""Refresh by single GETs: claim what is due, ask outside any transaction, store, until nothing is
due or time is up.

What is claimed at once is what a few seconds of budget can serve, so claims neither run out nor
pile up.
"""

import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from django.db.models import Q

from backups.clouds import circuit_breaker, registry
from backups.clouds.cloud_health import CallResult
from backups.clouds.permission import is_silent, may_ask
from backups.models import Cloud
from backups.refresh.apply import apply
from backups.refresh.claims import CLAIM, Claim, claim, claim_due, claim_probe, release
from backups.refresh.fetch import SLOWEST, FetchBatch, stopping
from backups.shared import clock
from backups.vbs.errors import VBSError

LASTS = 20.0  # seconds of one piece of work
AT_ONCE, AT_ONCE_SECONDS = 800, 5.0  # backups claimed at once; seconds of budget they may stand for
PROBE = timedelta(seconds=30)


def refresh_due(name: str, *, seconds: float = LASTS, singly: bool = False) -> int:
    """Ask about what is due in a cloud, at most for so long; how many good answers came. `singly`
    as in claim_due.
    """
    good, ends = 0, time.monotonic() + seconds
    while time.monotonic() < ends and not stopping.is_set():
        now = clock.now()
        cloud = may_ask(name, now)
        if cloud is None:
            break
        if circuit_breaker.state(registry.health(cloud), now) == "half_open":
            return good + _probe(cloud, now)
        claimed = claim_due(name, now, most=_at_once(name), singly=singly)
        if not claimed.ids:
            if is_silent(cloud, now):
                good += _ask_anything(name)
            break
        good += ask(claimed)
    return good


def refresh_these(name: str, ids: Sequence[uuid.UUID]) -> int:
    """Ask about these, due or not, before the work in bulk: somebody waits. What is left out stays
    due.
    """
    now = clock.now()
    cloud = may_ask(name, now)
    if cloud is None:
        return 0
    if circuit_breaker.state(registry.health(cloud), now) == "half_open":
        return _probe(cloud, now, ids)
    return ask(claim(name, ids, now), urgent=True)


def ask(claimed: Claim, *, urgent: bool = False) -> int:
    """One round of questions about claimed backups; what was not asked about is given back."""
    seconds = min(LASTS, (CLAIM.total_seconds() - SLOWEST) / 2)
    good = 0
    try:
        for fetched in FetchBatch(claimed.cloud, time.monotonic() + seconds, urgent).fetch(
            claimed.ids
        ):
            good += apply(claimed.cloud, fetched, claim=claimed).good
    finally:
        release(claimed)
    return good


def _at_once(name: str) -> int:
    rate = registry.configured()[name].requests_per_second
    return AT_ONCE if not rate else max(1, min(AT_ONCE, ceil(rate * AT_ONCE_SECONDS)))


def _probe(cloud: Cloud, now: datetime, ids: Sequence[uuid.UUID] = ()) -> int:
    """One question decides whether a cloud is asked again; only one process puts it."""
    free = Q(probe_until=None) | Q(probe_until__lt=now)
    if not Cloud.objects.filter(free, pk=cloud.pk).update(probe_until=now + PROBE):
        return 0
    claimed = claim(cloud.name, ids[:1], now) if ids else claim_probe(cloud.name, now)
    return ask(claimed, urgent=bool(ids)) if claimed.ids else _ask_anything(cloud.name)


def _ask_anything(name: str) -> int:
    """The shortest list there is: a sign of life of a cloud in which nothing is due."""
    asked_at, error = clock.now(), None
    try:
        with registry.meter(name).bulk(until=time.monotonic() + LASTS):
            registry.client(name).list_backups(limit=1)
    except VBSError as e:
        error = e
    apply(name, [], calls=[CallResult(asked_at, error)])
    return int(error is None)
