"""`/readyz` names the part that fails, and no other one for it."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from backups.shared.heartbeat import QUEUES, SILENCE, beat

pytestmark = [pytest.mark.either, pytest.mark.django_db]
LONG = SILENCE + timedelta(seconds=1)


def parts(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/readyz").json()["parts"]
    return found


def everybody_lives() -> None:
    for part in ("scheduler", *QUEUES):
        beat(part)


def test_what_lives_is_ready(client: Client) -> None:
    everybody_lives()
    assert (parts(client)["worker"], parts(client)["scheduler"]) == ("ok", "ok")


def test_a_silent_scheduler_is_named_and_no_worker_is_blamed_for_it(
    client: Client, clock: time_machine.Traveller
) -> None:
    everybody_lives()
    clock.shift(LONG)
    said = parts(client)
    assert said["scheduler"].startswith("The scheduler has sent nothing since ")
    assert said["worker"] == "Not known: the scheduler sends nothing that a worker could take."
    assert client.get("/readyz").status_code == 503


def test_a_worker_that_takes_nothing_from_a_living_scheduler_is_named(
    client: Client, clock: time_machine.Traveller
) -> None:
    everybody_lives()
    clock.shift(LONG)
    beat("scheduler")
    said = parts(client)
    assert said["scheduler"] == "ok"
    assert said["worker"].startswith("No worker has taken a message of queue interactive since ")
