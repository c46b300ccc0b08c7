"""The examples for systemd and Compose: they parse, say the same, and name commands
and settings that exist.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from backups.tests.run_settings import LIMIT_S

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "backups" / "deploy"
UNITS = {file.name: file.read_text() for file in sorted((DEPLOY / "systemd").iterdir())}
BIN = "/opt/vbsdash/.venv/bin/"


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return found


def command(unit: str) -> list[str]:
    """What a unit starts, without the folder of the virtual environment and the name of
    a worker among several.
    """
    (line,) = re.findall(r"^ExecStart=(.*)$", UNITS[unit], re.M)
    words = shlex.split(line.removeprefix(BIN))
    if "--hostname" in words:
        at = words.index("--hostname")
        del words[at : at + 2]
    return words


@pytest.mark.parametrize(
    ("unit", "service"),
    [
        ("vbsdash-web.service", "web"),
        ("vbsdash-worker@.service", "worker"),
        ("vbsdash-beat.service", "beat"),
    ],
)
def test_units_and_compose_start_the_same(unit: str, service: str) -> None:
    in_compose = shlex.split(services()[service]["command"].replace("0.0.0.0", "127.0.0.1"))
    assert command(unit) == in_compose


def test_the_worker_listens_to_the_queues_that_make_run_listens_to() -> None:
    from backups.runner import parts

    mine = [word for word in parts.worker_part().argv if word.startswith("interactive")]
    assert (
        mine
        == [word for word in command("vbsdash-worker@.service") if word.startswith("interactive")]
        != []
    )


@pytest.mark.parametrize("unit", UNITS)
def test_the_programs_of_the_units_take_their_options(unit: str) -> None:
    program, *words = command(unit)
    argv = [str(Path(sys.executable).parent / program), *words, "--help"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    bin_here = f"{Path(sys.executable).parent}/"
    for name, text in UNITS.items():
        here = (
            text.replace(BIN, bin_here)
            .replace("User=vbsdash", "User=root")
            .replace("/opt/vbsdash", str(ROOT))
        )
        (tmp_path / name.replace("@", "@1")).write_text(here)
    argv = [
        "systemd-analyze",
        "verify",
        "--man=no",
        "--generators=no",
        *map(str, sorted(tmp_path.iterdir())),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S)
    ours = [line for line in done.stderr.splitlines() if "vbsdash" in line]
    assert (done.returncode, ours) == (0, [])


def test_every_setting_in_the_examples_is_one_that_vbsdash_reads() -> None:
    readme = (ROOT / "README.md").read_text()
    python = {"PYTHONUNBUFFERED", "MALLOC_ARENA_MAX"}
    in_compose = set(services()["web"]["environment"]) - python
    in_units = {
        name for text in UNITS.values() for name in re.findall(r"\b([A-Z][A-Z_]{3,})=", text)
    } - python
    assert sorted(name for name in in_compose | in_units if name not in readme) == []


def test_compose_waits_for_the_migrated_database() -> None:
    for name in ("web", "worker", "beat"):
        assert services()[name]["depends_on"] == {
            "prepare": {"condition": "service_completed_successfully"}
        }
    assert services()["prepare"]["depends_on"] == {
        name: {"condition": "service_healthy"} for name in ("database", "broker")
    }


def test_nothing_secret_is_copied_into_the_image() -> None:
    lines = services()["web"]["build"]["dockerfile_inline"].splitlines()
    copied = {line.split()[1] for line in lines if line.startswith("COPY")}
    assert copied == {"requirements.txt", "manage.py", "vbsdash", "backups", "templates"}
    assert all((ROOT / one).exists() for one in copied)
