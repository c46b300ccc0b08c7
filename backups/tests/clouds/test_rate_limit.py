"""Budgets on a real Valkey and in the database."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db.models.functions import Now

from backups.bench.rig.processes import broker_at
from backups.clouds.call_meter import Meter
from backups.clouds.rate_limit import Budget, Window, window
from backups.models import BudgetWindow
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until
from backups.vbs.errors import OutOfBudget

pytestmark = pytest.mark.django_db


# Seconds of a window that does not end while a test looks at it, however slow the machine.
A_MINUTE = 59
EndWindow = Callable[[str], None]


@pytest.fixture(params=["valkey", "database", "dead redis"])
def end_window(request: Any, settings: Any, tmp_path_factory: Any) -> Iterator[EndWindow]:
    """Where calls are counted; calling it ends the window of a cloud now, as its time does."""
    if request.param == "valkey":
        with (
            broker_at(Path(tmp_path_factory.mktemp("b"))) as url,
            redis.Redis.from_url(url) as client,
        ):
            settings.REDIS_URL = url
            yield lambda _: _expire(client)
        return
    settings.REDIS_URL = "redis://127.0.0.1:9/0" if request.param == "dead redis" else None
    yield _end_row


def _expire(client: redis.Redis) -> None:
    (key,) = client.keys("*/calls")  # each test has a server of its own
    client.pexpire(key, 1)
    wait_until(lambda: not client.exists(key))


def _end_row(cloud: str) -> None:
    assert (
        BudgetWindow.objects.filter(pk=f"vbsdash/{cloud}/calls").update(
            ends_at=Now() - timedelta(seconds=1)
        )
        == 1
    )


@pytest.mark.parametrize(
    ("per_second", "expected"),
    [
        (5, Window(5, 1)),
        (0.3, Window(3, 10)),
        (7.5, Window(15, 2)),
        (0.01, Window(1, 100)),
        (1000, Window(1000, 1)),
    ],
)
def test_a_rate_is_a_whole_number_of_calls_in_whole_seconds(
    per_second: float, expected: Window
) -> None:
    assert window(per_second) == expected


def test_all_takers_together_get_what_the_window_holds_and_no_more(
    end_window: EndWindow, request: Any
) -> None:
    name = request.node.name
    takers = [Budget(name, 20 / A_MINUTE) for _ in range(4)]
    assert sum(taker.take(1) for taker in takers for _ in range(20)) == 20
    end_window(name)
    assert sum(taker.take(1) for taker in takers for _ in range(20)) == 20


def test_who_waits_gets_the_next_window(end_window: EndWindow, request: Any) -> None:
    name = request.node.name
    budget = Budget(name, 1 / A_MINUTE)
    assert [budget.take(1), budget.take(1)] == [1, 0]
    end_window(name)
    assert budget.wait(1, until=time.monotonic() + LIMIT_S) == 1
    assert budget.wait(1, until=time.monotonic()) == 0


def test_no_budget_means_no_counting(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    assert Budget("free", 0).take(1000) == 1000


def test_a_person_goes_before_the_bulk(end_window: EndWindow, request: Any) -> None:
    name = request.node.name
    budget = Budget(name, 4 / A_MINUTE, urgent_seconds=600)
    assert sum(budget.take(1) for _ in range(9)) == 4
    assert budget.take(1, urgent=True) == 0  # somebody waits from now on
    end_window(name)
    assert sum(budget.take(1) for _ in range(9)) == 2
    assert sum(budget.take(1, urgent=True) for _ in range(9)) == 2


def test_bulk_waits_only_so_long_and_says_whose_fault_it_is(settings: Any) -> None:
    settings.REDIS_URL = None
    meter = Meter("slow", 0.001)
    meter.admit()
    with meter.bulk(until=time.monotonic() + 0.1), pytest.raises(OutOfBudget):
        meter.admit()


def test_calls_are_counted_by_how_they_ended_and_once() -> None:
    meter = Meter("any", 0)
    threads = [
        threading.Thread(target=lambda: [meter.ended("ok") for _ in range(500)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    meter.ended("gone")
    assert (meter.drain(), meter.drain()) == ({"ok": 2000, "gone": 1}, {})
