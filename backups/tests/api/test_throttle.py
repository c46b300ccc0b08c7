"""Calls of one token are counted once for all web processes, on a real Valkey."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone
from rest_framework.request import Request

from backups.api.throttle import TokenThrottle
from backups.bench.rig.processes import broker_at
from backups.edits import tokens
from backups.models import ApiToken
from backups.tests.accounts import make_operator

pytestmark = pytest.mark.django_db
CALLS, RATE = 20, 30


@pytest.fixture
def valkey(settings: Any, tmp_path_factory: Any) -> Iterator[None]:
    settings.API_RATE = f"{RATE}/hour"  # a window that no machine is slow enough to cross
    with broker_at(Path(tmp_path_factory.mktemp("b"))) as settings.REDIS_URL:
        yield


def taken(token: ApiToken) -> int:
    """How many of so many calls another web process lets through."""
    request = Request(HttpRequest())
    request.auth = token
    return sum(TokenThrottle().allow_request(request, None) for _ in range(CALLS))


def test_two_processes_let_through_together_what_the_rate_says(
    valkey: None, client: Client
) -> None:
    now = timezone.now()
    made = tokens.create(user=make_operator("ann"), now=now)
    other = tokens.create(user=make_operator("bob"), now=now)
    token = tokens.recognise(made.key, now)
    with multiprocessing.get_context("fork").Pool(2) as processes:
        let_through = processes.map(taken, [token, token], chunksize=1)
    assert sum(let_through) == RATE < 2 * CALLS
    refused = client.get("/api/clouds/", headers={"Authorization": f"Token {made.key}"})
    assert (refused.status_code, refused["RateLimit-Remaining"], refused["RateLimit-Limit"]) == (
        429,
        "0",
        str(RATE),
    )
    assert 1 <= int(refused["Retry-After"]) <= 3600
    served = client.get("/api/clouds/", headers={"Authorization": f"Token {other.key}"})
    assert (served.status_code, served["RateLimit-Remaining"]) == (200, str(RATE - 1))
