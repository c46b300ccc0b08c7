"""Static files out of wheels: Bootstrap's CSS is installed with the package, never committed."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

NAME = "bootstrap/bootstrap.min.css"


class WheelFinder(BaseFinder):
    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        found = str(_css() / Path(NAME).name)
        if path != NAME:
            return [] if find_all else None
        return [found] if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[Any]:
        storage = FileSystemStorage(location=str(_css()))
        storage.prefix = "bootstrap"  # type: ignore[attr-defined]
        return [(Path(NAME).name, storage)]


def _css() -> Path:
    spec = find_spec("bootstrap")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("Bootstrap's wheel is missing: pip install -r requirements.txt")
    return Path(spec.submodule_search_locations[0]) / "css"
