"""The scheduler with a real broker that comes and goes: it reconnects, and its sign of life follows
a sent message.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery
from django.conf import settings
from django.utils import timezone

from backups.runner import broker, parts
from backups.runner.broker import Broker
from backups.runner.ports import free_port
from backups.shared.heartbeat import signs
from backups.tests.faults.parts import Part, PostgreSQL, open_folder
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until
from vbsdash.scheduler import ReconnectingScheduler


class Server:
    """A Valkey that a test stops and starts."""

    def __init__(self, folder: Path) -> None:
        self._prepared: Broker = broker.prepare(folder / "broker", folder / "broker-url")
        self.url = (folder / "broker-url").read_text().strip()
        self.part = Part(self._prepared.argv, {"PATH": os.environ["PATH"]}, folder / "broker.log")

    def start(self) -> None:
        self.part.start()
        wait_until(self._prepared.answers, lambda: "the broker does not start")

    def messages(self) -> int:
        with redis.Redis.from_url(self.url) as client:
            return int(client.llen("bulk"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    yield made
    made.part.kill()


class Impatient(ReconnectingScheduler):
    gives_up_after_s = 0


def scheduler(
    url: str, kind: type[ReconnectingScheduler] = ReconnectingScheduler
) -> ReconnectingScheduler:
    app = Celery("test", set_as_current=False)
    app.conf.update(broker_write_url=url)
    app.conf.task_publish_retry = False
    app.conf.beat_schedule = {
        "alive": {"task": "alive", "schedule": 5.0, "options": {"queue": "bulk"}}
    }
    return kind(app=app, schedule={})


def send(one: ReconnectingScheduler) -> None:
    [entry] = [entry for name, entry in one.schedule.items() if name == "alive"]
    one.apply_entry(entry)


@pytest.mark.django_db
def test_a_sign_of_life_follows_a_message_that_the_broker_took(server: Server) -> None:
    send(scheduler(server.url))
    assert server.messages() == 1
    assert signs() == {"scheduler": timezone.now()}


@pytest.mark.django_db
def test_without_a_broker_there_is_no_sign_and_one_line_for_all_failures(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    one = scheduler(server.url)
    server.part.kill()
    for _ in range(3):
        send(one)
    assert signs() == {}
    server.start()
    send(one)
    send(one)
    assert server.messages() == 2
    assert signs() == {"scheduler": timezone.now()}
    [failed, works] = [record for record in caplog.records if record.name == "vbsdash.scheduler"]
    assert failed.getMessage().startswith("the broker takes no message: ")
    assert failed.exc_info is None
    assert works.getMessage() == "the scheduler works again, after 3 failures"


@pytest.mark.django_db
def test_a_connection_that_was_open_when_the_broker_died_is_made_anew(server: Server) -> None:
    one = scheduler(server.url)
    send(one)
    server.part.kill()
    server.start()
    send(one)  # it meets the dead connection …
    send(one)  # … and this one a new one
    assert server.messages() >= 2


@pytest.mark.django_db
def test_it_gives_up_when_nothing_was_sent_for_long(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    one = scheduler(server.url, Impatient)
    server.part.kill()
    send(one)
    with pytest.raises(SystemExit):
        send(one)
    assert (
        caplog.records[-1]
        .getMessage()
        .startswith("the scheduler ends, to be started anew: 2 failures in ")
    )
    with pytest.raises(SystemExit) as ended:
        one.close()
    assert ended.value.code == os.EX_TEMPFAIL


def _environment(tmp_path: Path, **env: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "vbsdash.settings",
        "VBSDASH_DATA_DIR": str(tmp_path / "data"),
        **env,
    }


def migrate(tmp_path: Path, **env: str) -> None:
    argv = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(argv, env=_environment(tmp_path, **env), cwd=settings.BASE_DIR, check=True)


def run(tmp_path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A scheduler of its own, until it ends by itself."""
    plan = parts.beat_part()
    whole_env = _environment(tmp_path, **plan.env, **env)
    return subprocess.run(
        plan.argv,
        env=whole_env,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S * 2,
    )


@pytest.mark.soak
def test_a_process_without_broker_ends_with_an_error_and_few_words(tmp_path: Path) -> None:
    """As a supervisor sees it: not 0, and a log that says it in two lines,
    however often it tried.
    """
    migrate(tmp_path)
    done = run(tmp_path, CELERY_BROKER_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert done.returncode == os.EX_TEMPFAIL
    assert done.stdout == ""
    [first, last] = done.stderr.splitlines()
    assert "the broker takes no message" in first
    assert "the scheduler ends, to be started anew" in last


@pytest.mark.soak
def test_a_process_that_its_database_keeps_waiting_ends_with_an_error(
    tmp_path: Path, server: Server
) -> None:
    """Somebody locks the table of the signs of life and does not let go."""
    with open_folder() as folder:
        database = PostgreSQL(folder)
        try:
            env = {"CELERY_BROKER_URL": server.url, "DATABASE_URL": database.url}
            migrate(tmp_path, **env)
            with database.locked("backups_heartbeat"):
                done = run(tmp_path, **env)
        finally:
            database.close()
    assert done.returncode == os.EX_TEMPFAIL
    *_others, last = done.stderr.splitlines()
    assert "the scheduler ends, to be started anew: " in last
    # PostgreSQL gives up each wait for the lock after 30 s, so either limit of 60 s may come first.
    assert "have kept it waiting for 60 s" in last or "lock timeout" in last
