"""`/readyz` names the part that fails, and no other one for it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client

from backups.bench.rig.processes import broker_at
from backups.shared.heartbeat import QUEUES, SILENCE, beat
from backups.tests.run_settings import LIMIT_S

pytestmark = [pytest.mark.either, pytest.mark.django_db]
PROJECT = Path(__file__).resolve().parents[3]
ASK = """
import django
django.setup()
from django.test import Client
answer = Client(SERVER_NAME="localhost").get("/readyz")
print(answer.status_code, answer["Content-Type"], answer.content.decode())
"""
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


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with broker_at(tmp_path_factory.mktemp("b")) as url:
        yield url


def readyz_with(folder: Path, **settings: str) -> tuple[str, str, dict[str, str]]:
    """Status, type and parts that a process with these settings answers."""
    env = {**os.environ, "VBSDASH_DATA_DIR": str(folder), **settings}
    env["DJANGO_SETTINGS_MODULE"] = "vbsdash.settings"
    env["DATABASE_URL"] = settings.get("DATABASE_URL", "")
    argv = (sys.executable, "-c", ASK)
    done = subprocess.run(
        argv, env=env, cwd=PROJECT, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode == 0, done.stderr
    status, kind, body = done.stdout.split(" ", 2)
    answer = json.loads(body)
    assert answer["ready"] is False
    return status, kind, answer["parts"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("/0", "/999"), "it has no database of this number"),
        (("redis://:", "redis://:not"), "it does not accept user or password"),
        (("redis://:", "redis://nobody:"), "it does not accept user or password"),
        (("redis://:", "rediss://:"), "nothing comes from it"),
        (("127.0.0.1", "no-such-host.invalid"), "the name of its host is not known"),
        (("redis://:", "amqp://guest:"), "nothing comes from it"),
    ],
)
def test_whatever_is_wrong_with_the_broker_is_an_answer_that_names_it(
    broker: str, tmp_path: Path, change: tuple[str, str], error: str
) -> None:
    url = broker.replace(*change)
    if url.startswith("amqp"):
        url = url.replace("/0", "/")
    status, kind, parts = readyz_with(tmp_path, CELERY_BROKER_URL=url)
    assert (status, kind) == ("503", "application/json")
    assert parts["broker"].startswith("The broker cannot be used (")
    assert error in parts["broker"]
    assert parts["broker"].endswith("): see CELERY_BROKER_URL.")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgres://127.0.0.1:1/x", "cannot be used: start it, or correct the address."),
        ("postgres://127.0.0.1/x?sslmode=sometimes", "cannot be used: correct sslmode and"),
        ("postgres://no-such-host.invalid/x", "cannot be used: correct its host."),
        ("postgres:///?service=nowhere", "cannot be used: correct the name of its service"),
        ("postgres:///x?host=a,b&port=1,2,3", "cannot be "),
        ("postgres:///x?assume_role=nobody&host=/nowhere", "cannot be "),
        ("sqlite:////nowhere/x.sqlite3", "cannot be used: create its folder"),
    ],
)
def test_whatever_is_wrong_with_the_database_is_an_answer_that_names_it(
    broker: str, tmp_path: Path, url: str, sentence: str
) -> None:
    status, kind, parts = readyz_with(tmp_path, CELERY_BROKER_URL=broker, DATABASE_URL=url)
    assert (status, kind, parts["broker"]) == ("503", "application/json", "ok")
    assert parts["database"].startswith(f"The database of DATABASE_URL {sentence}")
    assert parts["worker"] == parts["lag"] == "Not known: the database cannot be asked."
