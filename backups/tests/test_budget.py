"""Budgets on a real Valkey and in the database."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backups.bench.rig.processes import broker_at
from backups.engine.budget import Budget, Window, window
from backups.engine.meter import Meter
from backups.vbs.errors import OutOfBudget

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["valkey", "database", "dead redis"])
def counted(request: Any, settings: Any, tmp_path_factory: Any) -> Iterator[None]:
    if request.param == "valkey":
        with broker_at(Path(tmp_path_factory.mktemp("b"))) as settings.REDIS_URL:
            yield
        return
    settings.REDIS_URL = "redis://127.0.0.1:9/0" if request.param == "dead redis" else None
    yield


@pytest.mark.parametrize(
    ("per_second", "expected"),
    [(5, Window(5, 1)), (0.3, Window(3, 10)), (7.5, Window(15, 2)), (0.01, Window(1, 100)), (1000, Window(1000, 1))],
)
def test_a_rate_is_a_whole_number_of_calls_in_whole_seconds(per_second: float, expected: Window) -> None:
    assert window(per_second) == expected


def test_all_takers_together_get_what_the_window_holds_and_no_more(counted: None, request: Any) -> None:
    name = request.node.name
    takers = [Budget(name, 20) for _ in range(4)]
    first = sum(taker.take(2) for taker in takers for _ in range(20))
    assert first == 20
    began = time.monotonic()
    assert takers[0].wait(1, until=began + 3) == 1
    assert time.monotonic() - began <= 1.5


def test_no_budget_means_no_counting(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    assert Budget("free", 0).take(1000) == 1000


def test_a_person_goes_before_the_bulk(counted: None, request: Any) -> None:
    budget = Budget(request.node.name, 4)
    assert sum(budget.take(1) for _ in range(9)) == 4
    assert budget.take(1, urgent=True) == 0  # somebody waits from now on
    time.sleep(1.1)
    assert sum(budget.take(1) for _ in range(9)) == 2
    assert sum(budget.take(1, urgent=True) for _ in range(9)) == 2


def test_bulk_waits_only_so_long_and_says_whose_fault_it_is(settings: Any) -> None:
    settings.REDIS_URL = None
    meter = Meter("slow", 0.1)
    meter.admit()
    with meter.bulk(until=time.monotonic() + 0.1), pytest.raises(OutOfBudget):
        meter.admit()


def test_calls_are_counted_by_how_they_ended_and_once() -> None:
    meter = Meter("any", 0)
    threads = [threading.Thread(target=lambda: [meter.ended("ok") for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    meter.ended("gone")
    assert (meter.drain(), meter.drain()) == ({"ok": 2000, "gone": 1}, {})
