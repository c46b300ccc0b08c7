import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = (  # the first that fits
    ("vbsdash", 5),
    ("backups.web", 4),
    ("backups.api", 4),
    ("backups.metrics", 4),
    ("backups.management", 4),
    ("backups.bench", 4),
    ("backups.runner", 4),
    ("backups.templatetags", 4),
    ("backups.admin", 4),
    ("backups.tasks", 3),
    ("backups.engine", 2),
    ("backups.listing", 2),
    ("backups.models", 1),
    ("backups.analysis", 0),
    ("backups.vbs", 0),
)
MODULES = sorted(
    path
    for folder in ("vbsdash", "backups")
    for path in (ROOT / folder).rglob("*.py")
    if not {"tests", "migrations"} & set(path.parts)
)


def floor(module: str) -> int | None:
    return next((n for name, n in FLOORS if module == name or module.startswith(f"{name}.")), None)


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_downwards_only(path: Path) -> None:
    here = floor(".".join(path.relative_to(ROOT).with_suffix("").parts))
    above = {name for name in imported(path) if here is not None and (floor(name) or 0) > here}
    assert above == set()


def test_the_ground_floor_imports_with_django_blocked() -> None:
    names = [
        ".".join(p.relative_to(ROOT).with_suffix("").parts)
        for p in MODULES
        if floor(".".join(p.relative_to(ROOT).parts[:2])) == 0 and p.name != "__init__.py"
    ]
    block = "import sys; sys.modules['django'] = None; "
    code = block + "; ".join(f"import {name}" for name in names)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_readme_names_only_paths_that_exist() -> None:
    paths = re.findall(r"`((?:vbsdash|backups|templates)/[\w./]*)`", (ROOT / "README.md").read_text())
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert len(paths) > 10
