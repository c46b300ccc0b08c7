"""API keys that open nothing: slowed by address, each in the log, and good ones never held up."""

import logging
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from backups.bench.rig.processes import broker_at
from backups.edits import tokens
from backups.shared import counters
from backups.tests.accounts import make_operator

pytestmark = [pytest.mark.either, pytest.mark.django_db]
HERE, ELSEWHERE = "203.0.113.7", "203.0.113.8"
WAITS = "Too many keys that open nothing came from this address"


def ask(key: str, *, address: str = HERE, path: str = "/api/clouds/", scheme: str = "Token") -> Any:
    headers = {"Authorization": f"{scheme} {key}", "X-Forwarded-For": address}
    return Client().get(path, headers=headers)


@pytest.fixture
def good(settings: Any) -> str:
    settings.WRONG_KEY_RATE = "3/minute"
    return tokens.create(user=make_operator("ada"), now=timezone.now()).key


def test_too_many_are_told_to_wait_and_a_good_one_passes_all_the_same(
    good: str, clock: time_machine.Traveller
) -> None:
    statuses = [ask(f"vbs_{n}").status_code for n in range(5)]
    assert statuses == [401] * 3 + [429] * 2
    assert ask(good).status_code == 200
    assert ask("vbs_x", address=ELSEWHERE).status_code == 401
    refused = ask("vbs_x")
    assert (refused["Content-Type"], refused.json()["status"]) == ("application/problem+json", 429)
    assert WAITS in refused.json()["detail"]
    wait_s = int(refused["Retry-After"])
    assert 1 <= wait_s <= 60
    clock.shift(wait_s)
    assert ask("vbs_x").status_code == 401


def test_metrics_count_the_same_keys(good: str) -> None:
    statuses = [ask(f"vbs_{n}", path="/metrics").status_code for n in range(3)]
    assert statuses == [401] * 3
    refused = ask("vbs_x", path="/metrics")
    assert (refused.status_code, WAITS in refused.content.decode()) == (429, True)
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert ask("vbs_x").status_code == 429
    # Who sends no key at all has guessed none.
    nobody = Client().get("/metrics", headers={"X-Forwarded-For": HERE})
    assert nobody.status_code == 401
    assert ask(good, path="/metrics").status_code == 200


def test_each_refusal_is_a_line_that_tells_whose_key_it_was_and_never_the_key(
    good: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    user = User.objects.get()
    revoked = tokens.create(user=user, now=timezone.now())
    tokens.revoke(user=user, token_id=revoked.token.id, now=timezone.now())
    for _ in range(3):
        ask("vbs_unknown-one")
    ask(revoked.key)
    User.objects.update(is_active=False)
    assert ask(good).status_code == 429
    told = [
        (record.getMessage().partition(" at ")[0], record.account)  # type: ignore[attr-defined]
        for record in caplog.records
        if record.name == "backups.shared.wrong_keys"
    ]
    assert told == [
        *[("API key refused: This token is not known.", "")] * 3,
        ("API key refused: This token was revoked", "ada"),
        ("API key refused: The account of this token is switched off.", "ada"),
    ]
    assert not [key for key in ("unknown-one", revoked.key, good) if key in caplog.text]


def test_a_key_ends_with_its_account(good: str) -> None:
    User.objects.update(is_active=False)
    assert ask(good).status_code == 401
    User.objects.update(is_active=True)
    assert ask(good).status_code == 200
    User.objects.all().delete()
    assert ask(good).status_code == 401


def test_a_password_opens_no_call(good: str) -> None:
    assert ask("YWRhOnJpZ2h0LWhvcnNl", scheme="Basic").status_code == 401


@pytest.mark.once
def test_all_processes_count_together_by_redis_and_each_alone_without_it(
    good: str, settings: Any, tmp_path_factory: Any
) -> None:
    with broker_at(Path(tmp_path_factory.mktemp("b"))) as settings.REDIS_URL:
        for n in range(4):
            ask(f"vbs_{n}")
        # Another process knows of them by Redis alone.
        counters._limiter.cache_clear()
        assert ask("vbs_x").status_code == 429
    counters._limiter.cache_clear()
    statuses = [ask(f"vbs_{n}").status_code for n in range(4)]
    assert statuses == [401] * 3 + [429]
