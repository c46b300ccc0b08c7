import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

SAMPLES = Path(__file__).parent / "samples"


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
