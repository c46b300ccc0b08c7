"""The ID of one request, in the logs of web and worker, as real processes write them; and Celery's
events about it.
"""

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import Connection

from backups.bench.rig.processes import broker_at
from backups.runner import parts
from backups.simulator import Simulator
from backups.tests.faults.parts import Part
from backups.tests.waiting import wait_until
from backups.tests.web_server import WebServer

pytestmark = [pytest.mark.soak, pytest.mark.real_clock]
REQUEST = "one-request-of-many"
ID = "1d1139d8-8989-49d3-8aa1-83eb691e6db2"


class Events:
    """What Celery tells by its events, taken as Flower and celery-exporter take them."""

    def __init__(self, broker_url: str) -> None:
        self.taken: list[dict[str, Any]] = []
        watching = Celery("watching", set_as_current=False)
        # Celery's own connection would be to the address in the environment of the tests.
        self._connection = Connection(broker_url)
        self._receiver = watching.events.Receiver(
            self._connection, handlers={"*": self.taken.append}
        )
        # No worker is asked to show itself, which Celery would do by its own connection too.
        options = {"wakeup": False}
        self._thread = threading.Thread(target=self._receiver.capture, kwargs=options, daemon=True)
        self._thread.start()

    def kinds(self, task_id: str) -> set[str]:
        return {event["type"] for event in self.taken if event.get("uuid") == task_id}

    def end(self) -> None:
        self._receiver.should_stop = True
        self._thread.join()
        self._connection.release()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[WebServer, Part, Events]]:
    simulator = Simulator().start()
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(simulator.clouds_yaml("otc"))
    (tmp_path / "b").mkdir()
    with broker_at(tmp_path / "b") as url:
        env = {
            "CELERY_BROKER_URL": url,
            "OS_CLIENT_CONFIG_FILE": str(clouds),
            "VBSDASH_LOG_FORMAT": "json",
            "VBSDASH_CELERY_EVENTS": "1",
        }
        web = WebServer(tmp_path, host="127.0.0.1", env=env)
        plan = parts.worker_part()
        worker = Part(plan.argv, {**web._env, **plan.env}, tmp_path / "worker.log")
        events = Events(url)
        try:
            worker.start()
            web.start()
            yield web, worker, events
        finally:
            events.end()
            worker.end(signal.SIGTERM)
            web.stop()
            simulator.stop()


def test_one_grep_shows_a_request_and_its_tasks(house: tuple[WebServer, Part, Events]) -> None:
    web, worker, events = house
    # A worker that tells how it is is listened to.
    wait_until(
        lambda: any(event["type"] == "worker-heartbeat" for event in events.taken),
        worker.log.read_text,
    )
    body = json.dumps({"cloud": "otc", "ids": [ID]})
    token = [f"{name}: {value}" for name, value in web.token.items()]
    answer = web.ask(
        "/api/backups/",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"X-Request-ID: {REQUEST}",
        *token,
        method="POST",
        body=body,
    )
    assert (answer.status, answer.headers["X-Request-ID"]) == (201, REQUEST), answer.text
    wait_until(lambda: "the task has ended" in worker.log.read_text(), worker.log.read_text)
    # Each line of both, also of gunicorn and Celery.
    logs = {"web": web.log, "worker": worker.log.read_text()}
    found: dict[str, list[dict[str, Any]]] = {}
    for part, text in logs.items():
        events_of_part = [json.loads(line) for line in text.splitlines()]
        found[part] = [event for event in events_of_part if event.get("request_id") == REQUEST]
    [sent] = [event for event in found["web"] if event["event"] == "a task is sent"]
    assert sent["sent_task"] == "backups.tasks.refresh_backups"
    task_id = sent["sent_task_id"]
    ours = [event["event"] for event in found["worker"] if event["task_id"] == task_id]
    assert (ours[0], ours[-1]) == ("the task begins", "the task has ended")
    wait_until(
        lambda: (
            {"task-sent", "task-received", "task-started", "task-succeeded"}
            <= events.kinds(task_id)
        ),
        lambda: str(events.taken),
    )
