import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import time_machine
from django.conf import settings
from django.core.cache import caches
from django.core.servers.basehttp import WSGIRequestHandler
from django.db import connection
from django.db.backends.signals import connection_created
from pytest_django import DjangoDbBlocker

from backups.shared import counters
from backups.tests.audit_flush import let_flush_through
from backups.tests.data_version_spy import DataVersionSpy
from backups.tests.dealing import deal
from backups.tests.run_settings import START
from backups.tests.sample_bodies import sample_bodies
from backups.tests.screen import chromium, context, watched

__all__ = ["chromium", "context", "watched"]  # one browser serves all tests of a worker

spy = DataVersionSpy()
connection_created.connect(spy.watch)
# Without it a live server's answer on a kept connection waits 40 ms for the acknowledgement of its
# head.
WSGIRequestHandler.disable_nagle_algorithm = True
# A machine that is busy with something else makes no test fail.
hypothesis.settings.register_profile(
    "any speed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any speed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--other-database",
        action="store_true",
        help="run what is marked `either`, and nothing else, on the database that the plain run "
        "leaves out",
    )
    parser.addoption(
        "--one-database",
        action="store_true",
        help="run each test of the database on one of the two, as if it were marked `either`",
    )


@pytest.hookimpl(trylast=True)  # of what -m and -k have left
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    dealt = deal(
        items,
        workers=workers,
        other_database=config.getoption("other_database"),
        one_database=config.getoption("one_database"),
    )
    mine = dealt[worker]
    items[:] = mine or items[:1]  # a worker without any test would end in failure


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Ends sessions that are left over when the database is to be dropped,
    which PostgreSQL would refuse.

    A live server's thread keeps its session for as long as the browser keeps its connection, and
    which of the two is closed first depends on the order of the tests.
    """
    let_flush_through()
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture(autouse=True)
def clock(request: pytest.FixtureRequest) -> Iterator[time_machine.Traveller | None]:
    """Each test begins at START and time stands still until the test moves it:
    `clock.shift(seconds)`.

    `time.monotonic` goes on, so what waits for a process or a socket still does. A test marked
    `real_clock` is about real processes, whose clock cannot be set from here; it has no traveller.
    """
    if request.node.get_closest_marker("real_clock"):
        yield None
        return
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def nothing_remembered(clock: time_machine.Traveller | None) -> None:
    """What a process remembers for some seconds is of its own test."""
    for name in settings.CACHES:
        caches[name].clear()
    counters._limiter.cache_clear()


@pytest.fixture(autouse=True)
def data_version_spy() -> Iterator[None]:
    """Fails a test in which the product wrote what is shown without `data_changed()` after it."""
    spy.forget_all()
    yield
    assert spy.missing == []


@pytest.fixture(params=list(sample_bodies()), ids=lambda named: named[0])
def sample(request: pytest.FixtureRequest) -> dict[str, Any]:
    body: dict[str, Any] = request.param[1]
    return body
