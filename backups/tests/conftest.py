import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

SAMPLES = Path(__file__).parent / "samples"

BY_DATABASE = {"db", "transactional_db", "house"}  # fixtures of tests that look different on another database


@pytest.hookimpl(trylast=True)  # of what -m and -k have left
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers come in pairs, with a database each. A file belongs to one pair, in turn; what no database can change
    belongs to one of its two workers."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers % 2:
        return
    files = list(dict.fromkeys(item.path for item in items))
    of_mine = {file for n, file in enumerate(files) if n % workers == worker}
    of_pair = {file for n, file in enumerate(files) if n % workers // 2 == worker // 2}
    mine = [item for item in items if item.path in (of_pair if _hangs_on_the_database(item) else of_mine)]
    items[:] = mine or items  # a worker without any test would end in failure


def _hangs_on_the_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("once"):
        return False
    return bool(item.get_closest_marker("django_db") or BY_DATABASE & set(getattr(item, "fixturenames", ())))


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """What a process remembers for some seconds is of its own test."""
    cache.clear()


def sample_bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each sample's inner backup objects with a name that tells them apart."""
    for file in sorted(SAMPLES.glob("*.json")):
        content = json.loads(file.read_text())
        for at, body in enumerate(content.get("backups") or [content["backup"]]):
            yield f"{file.stem}_{at}", body


@pytest.fixture(params=list(sample_bodies()), ids=lambda named: named[0])
def sample(request: pytest.FixtureRequest) -> dict[str, Any]:
    body: dict[str, Any] = request.param[1]
    return body
