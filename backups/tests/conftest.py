import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.core.servers.basehttp import WSGIRequestHandler

from backups.tests.run_settings import START
from backups.tests.sample_bodies import sample_bodies
from backups.tests.screen import chromium, context, watched

__all__ = ["chromium", "context", "watched"]  # one browser serves all tests of a worker

# Without it a live server's answer on a kept connection waits 40 ms for the acknowledgement of its head.
WSGIRequestHandler.disable_nagle_algorithm = True

BY_DATABASE = {"db", "transactional_db", "house"}  # fixtures of tests that look different on another database


# The files that take long, with their seconds on one worker; so the workers end together.
SECONDS = {
    **dict.fromkeys(["test_screen_pages.py"], 110),
    **dict.fromkeys(["test_answers.py", "test_bad_input.py"], 50),
    **dict.fromkeys(["test_runner_up.py", "test_any_body.py"], 42),
    **dict.fromkeys(["test_screen.py", "test_outages.py", "test_no_script.py"], 33),
    **dict.fromkeys(["test_api_schema.py", "test_sweep.py", "test_hostile_requests.py", "test_settings.py"], 23),
    **dict.fromkeys(["test_pages.py", "test_odd_disks.py", "test_runner_supervisor.py"], 17),
    **dict.fromkeys(["test_reader.py", "test_summary.py", "test_api.py", "test_api_calls.py", "test_outcomes.py"], 14),
}
OTHERS = 5


@pytest.hookimpl(trylast=True)  # of what -m and -k have left
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers come in pairs, with a database each. A file belongs to one pair; what of it no database can change
    belongs to one worker."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers % 2:
        return
    work = [0] * workers
    twice = _dealt([item.path for item in items if _hangs_on_the_database(item)], work, 2)
    once = _dealt([item.path for item in items if not _hangs_on_the_database(item)], work, 1)
    mine = [item for item in items if worker in (twice if _hangs_on_the_database(item) else once)[item.path]]
    items[:] = mine or items  # a worker without any test would end in failure


def _dealt(files: list[Path], work: list[int], width: int) -> dict[Path, range]:
    """Each file goes to the `width` neighbours with the least work, the longest file first."""
    dealt = {}
    for file in sorted(set(files), key=lambda file: (-SECONDS.get(file.name, OTHERS), file)):
        first = min(range(0, len(work), width), key=work.__getitem__)
        dealt[file] = range(first, first + width)
        for at in dealt[file]:
            work[at] += SECONDS.get(file.name, OTHERS)
    return dealt


def _hangs_on_the_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("once"):
        return False
    return bool(item.get_closest_marker("django_db") or BY_DATABASE & set(getattr(item, "fixturenames", ())))


@pytest.fixture(autouse=True)
def clock(request: pytest.FixtureRequest) -> Iterator[time_machine.Traveller | None]:
    """Each test begins at START and time stands still until the test moves it: `clock.shift(seconds)`.

    `time.monotonic` goes on, so what waits for a process or a socket still does. A test marked `real_clock` is about
    real processes, whose clock cannot be set from here; it has no traveller.
    """
    if request.node.get_closest_marker("real_clock"):
        yield None
        return
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def nothing_remembered(clock: time_machine.Traveller | None) -> None:
    """What a process remembers for some seconds is of its own test."""
    cache.clear()


@pytest.fixture(params=list(sample_bodies()), ids=lambda named: named[0])
def sample(request: pytest.FixtureRequest) -> dict[str, Any]:
    body: dict[str, Any] = request.param[1]
    return body
