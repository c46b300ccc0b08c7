"""Who may know whom: floors, rooms on a floor, and what a room never does (the
plan is in README.md).
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = {  # of each room; `templatetags` and `admin` are a part of the web
    "vbsdash": 6,
    "backups.web": 5,
    "backups.templatetags": 5,
    "backups.admin": 5,
    "backups.api": 5,
    "backups.metrics": 5,
    "backups.management": 5,
    "backups.bench": 5,
    "backups.tasks": 4,
    "backups.publish": 4,
    "backups.alarms": 4,
    "backups.refresh": 3,
    "backups.edits": 3,
    "backups.reports": 3,
    "backups.clouds": 2,
    "backups.derived": 2,
    "backups.query": 2,
    "backups.transfer": 2,
    "backups.shared": 1,
    "backups.models": 1,
    "backups.analysis": 0,
    "backups.simulator": 0,
    "backups.vbs": 0,
    "backups.runner": 0,
}
ARROWS = {  # the neighbours on its own floor that a room may know
    "backups.tasks": {"backups.publish", "backups.alarms"},
    "backups.templatetags": {"backups.web"},
    "backups.management": {"backups.bench"},
    "backups.shared": {"backups.models"},
    "backups.analysis": {"backups.vbs"},
    "backups.simulator": {"backups.vbs"},
}
# These know the simulator.
SIMULATED = {
    "backups.simulator",
    "backups.bench",
    "backups.management.commands.simulate_vbs",
}
MODULES = sorted(
    path
    for folder in ("vbsdash", "backups")
    for path in (ROOT / folder).rglob("*.py")
    if not {"tests", "migrations"} & set(path.relative_to(ROOT).parts)
)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str | None:
    for room in FLOORS:
        if module == room or module.startswith(f"{room}."):
            return room
    return None


def modules_in(room: str) -> list[Path]:
    return [path for path in MODULES if room_of(name_of(path)) == room]


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_knows_only_the_floors_below_and_its_own_room(path: Path) -> None:
    here = room_of(name_of(path))
    if here is None:
        return  # apps.py, which holds no rule of its own
    too_high = set()
    for name in imported(path):
        room = room_of(name)
        if (
            room is not None
            and room != here
            and FLOORS[room] >= FLOORS[here]
            and room not in ARROWS.get(here, set())
        ):
            too_high.add(name)
    assert too_high == set()


def test_every_module_stands_in_a_room() -> None:
    homeless = [name_of(path) for path in MODULES if room_of(name_of(path)) is None]
    assert homeless == ["backups", "backups.apps"]


def test_the_ground_floor_imports_with_django_blocked() -> None:
    names = []
    for room, floor in FLOORS.items():
        if floor == 0:
            names += [
                name_of(path)
                for path in modules_in(room)
                if path.stem not in ("__init__", "__main__")
            ]
    block = "import sys; sys.modules['django'] = None; "
    code = block + "; ".join(f"import {name}" for name in names)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


WRITERS = {
    "create",
    "update",
    "delete",
    "bulk_create",
    "bulk_update",
    "get_or_create",
    "update_or_create",
}


READERS = [
    path
    for room in ("reports", "query", "web", "api", "metrics", "templatetags")
    for path in modules_in(f"backups.{room}")
]


@pytest.mark.parametrize("path", READERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_reports_pages_and_api_write_nothing(path: Path) -> None:
    writes = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in WRITERS and "objects" in ast.unparse(node.func.value):
            writes.append(ast.unparse(node))
    assert writes == []


PAGES = [
    path for room in ("web", "metrics", "templatetags") for path in modules_in(f"backups.{room}")
]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_pages_and_metrics_hold_no_query(path: Path) -> None:
    attributes = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert attributes.isdisjoint({"objects", "_default_manager", "cursor"})


@pytest.mark.parametrize("path", modules_in("backups.edits"), ids=lambda p: p.stem)
def test_edits_call_no_cloud(path: Path) -> None:
    calls = {
        name
        for name in imported(path)
        if name.startswith(("backups.vbs.client", "backups.vbs.connections"))
    }
    assert calls == set()
    assert not re.search(r"\bclient\(", path.read_text())


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_demo_and_the_bench_know_the_simulator(path: Path) -> None:
    name = name_of(path)
    if any(name == one or name.startswith(f"{one}.") for one in SIMULATED):
        return
    assert {one for one in imported(path) if one.startswith("backups.simulator")} == set()


def test_the_map_names_only_paths_that_exist() -> None:
    where_what_is = (ROOT / "CONTRIBUTING.md").read_text().partition("\n## Style\n")[0]
    text = (ROOT / "README.md").read_text() + where_what_is
    paths = re.findall(r"`((?:vbsdash|backups|templates)/[\w./]*)`", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert len(paths) > 10
