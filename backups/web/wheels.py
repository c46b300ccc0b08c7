"""Serves Bootstrap's CSS out of its wheel: it is installed with the package, never committed.

STATICFILES_DIRS with a prefix would serve the same address, but takes a folder whole: the wheel's
holds 32 files, 6 MB with the source maps, of which pages need one.
"""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

PREFIX = "bootstrap"
FILE = "bootstrap.min.css"


class WheelFinder(BaseFinder):
    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        if path != f"{PREFIX}/{FILE}":
            return [] if find_all else None
        location = str(_css_folder() / FILE)
        return [location] if find_all else location

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[Any]:
        storage = FileSystemStorage(location=str(_css_folder()))
        storage.prefix = PREFIX  # type: ignore[attr-defined]
        return [(FILE, storage)]


def _css_folder() -> Path:
    spec = find_spec("bootstrap")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("Bootstrap's wheel is missing: pip install -r requirements.txt")
    return Path(spec.submodule_search_locations[0]) / "css"
