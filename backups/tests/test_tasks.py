"""A request never waits long for the broker: what it asks for is due in the database anyway. A task
that the database holds up fails, and the next one does its work.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from backups import publish, tasks
from backups.refresh import dispatcher
from backups.tests.otc import configure, silent, track
from backups.tests.run_settings import LIMIT_S
from backups.tests.web.test_server_error import held

PUBLISH_TWICE = """
import json, django
django.setup()
from backups import publish, tasks
sent = [publish.publish(tasks.alive, "bulk", queue="bulk", expires_s=5) for _ in range(2)]
print(json.dumps(sent))
print(len(publish._hanging))
"""


def publish_twice(url: str, folder: Path) -> list[str]:
    """What a process says that publishes two messages there: whether each was sent, and how many
    hang at the end.
    """
    env = {
        **os.environ,
        "CELERY_BROKER_URL": url,
        "REDIS_URL": url,
        "VBSDASH_DATA_DIR": str(folder),
    }
    env["DJANGO_SETTINGS_MODULE"] = "vbsdash.settings"
    argv = (sys.executable, "-c", PUBLISH_TWICE)
    done = subprocess.run(
        argv,
        env=env,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT_S,
    )
    return done.stdout.splitlines()[-2:]


def test_a_frozen_broker_holds_no_request_up_and_is_asked_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # it listens and never answers
        said = publish_twice(f"redis://127.0.0.1:{server.getsockname()[1]}/0", tmp_path)
        # It returned while the first message was still on its way.
        assert said == ["[false, false]", "1"]
        server.accept()[0].close()
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_an_absent_broker_holds_no_request_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert publish_twice(f"redis://127.0.0.1:{port}/0", tmp_path)[0] == "[false, false]"


def test_a_request_waits_for_the_broker_for_two_seconds_at_the_most() -> None:
    assert publish.BROKER_WAIT_S <= 2


@pytest.mark.django_db(transaction=True)
def test_a_task_that_meets_a_held_table_fails_and_the_next_one_does_its_work(
    settings: Any, tmp_path: Path
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no locks of tables")
    configure(settings, tmp_path, silent("otc"))
    track(["1d1139d8-8989-49d3-8aa1-83eb691e6db2"])
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '20ms'")
    try:
        with held("backups_backup"), pytest.raises(OperationalError, match="lock timeout"):
            tasks.dispatch()
        # Nothing is claimed by who has failed.
        assert {need.cloud for need in dispatcher.needs(timezone.now())} == {"otc"}
        tasks.dispatch()
    finally:
        connection.close()
