"""The answers in `samples/`, in the forms that the API is known to give."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent / "samples"


def sample_bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each sample's inner backup objects with a name that tells them apart."""
    for file in sorted(SAMPLES.glob("*.json")):
        content = json.loads(file.read_text())
        for at, body in enumerate(content.get("backups") or [content["backup"]]):
            yield f"{file.stem}_{at}", body
