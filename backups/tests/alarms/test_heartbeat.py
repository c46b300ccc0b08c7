import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from backups.alarms.heartbeat import EVALUATED, RECENT, send_if_due
from backups.models import Heartbeat
from backups.reports import monitoring
from backups.shared import clock
from backups.tests.alarms.far_side import HttpSink, configure, http_sink

M = timedelta(minutes=1)


@pytest.fixture
def sink(settings: Any, tmp_path: Path) -> Iterator[HttpSink]:
    with http_sink() as running:
        configure(settings, tmp_path, {}, {"url": f"{running.url}?s3cret", "every": "5m"})
        yield running


def evaluated(at: datetime) -> None:
    Heartbeat.objects.update_or_create(part=EVALUATED, defaults={"at": at})


@pytest.mark.django_db
def test_it_is_sent_every_so_often_while_alarms_are_evaluated_and_never_else(
    sink: HttpSink, caplog: pytest.LogCaptureFixture
) -> None:
    now = clock.now()
    assert not send_if_due(now)  # nothing was ever evaluated
    sent: list[int] = []
    for minute in range(21):
        at = now + minute * M
        # From then on evaluation stands still.
        if minute < 16:
            evaluated(at)
        if send_if_due(at):
            sent.append(minute)
    assert sent == [0, 5, 10, 15]
    assert {(asked.method, asked.path) for asked in sink.requests} == {("GET", "/hook?s3cret")}
    at = now + 60 * M
    evaluated(at - RECENT)
    assert not send_if_due(at)
    # What failed is tried again a minute later, a clock that was set back makes it due.
    sink.fail(500)
    evaluated(at)
    assert [send_if_due(at), send_if_due(at + M / 3)] == [True, False]
    sink.recover()
    assert [send_if_due(at + M), send_if_due(at + 2 * M)] == [True, False]
    evaluated(now)
    assert [send_if_due(now), send_if_due(now + M)] == [True, False]
    # It is no part whose silence would be an alert.
    assert monitoring.heartbeats().keys() == {EVALUATED}
    assert "answered HTTP 500" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_sends_it(sink: HttpSink) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time anyway")
    now = clock.now()
    for round_at in (now, now + 5 * M):
        evaluated(round_at)
        barrier = threading.Barrier(2)

        def work(at: datetime = round_at, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            send_if_due(at)
            connection.close()

        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert len(sink.requests) == 2
