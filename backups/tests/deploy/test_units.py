"""The units, by what systemd itself says of them."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backups.tests.deploy.units import COMMANDS, UNITS, values
from backups.tests.faults.parts import PROJECT
from backups.tests.run_settings import LIMIT_S

ANALYZE = shutil.which("systemd-analyze")
PYTHON = "/opt/vbsdash/.venv/bin/python"
MOST_EXPOSED = 3.0


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    if ANALYZE is None:
        sentence = "there is no systemd-analyze: apt-get install systemd"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(f"!!! {sentence} !!!")
    return subprocess.run(
        [ANALYZE, *words], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for name, text in UNITS.items():
        here = (
            text.replace(PYTHON, sys.executable)
            .replace("User=vbsdash", "User=root")
            .replace("/opt/vbsdash", str(PROJECT))
        )
        (tmp_path / name.replace("@", "@1")).write_text(here)
    units = map(str, sorted(tmp_path.iterdir()))
    done = analyze("verify", "--man=no", "--generators=no", *units)
    ours = [line for line in done.stderr.splitlines() if "vbsdash" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_calls_no_unit_exposed(unit: str, tmp_path: Path) -> None:
    file = tmp_path / unit
    file.write_text(UNITS[unit])
    done = analyze("security", "--offline=true", "--no-pager", "--json=short", str(file))
    assert done.returncode == 0, done.stderr
    # The sum is printed without --json alone.
    summary = analyze("security", "--offline=true", "--no-pager", str(file)).stdout
    (level,) = re.findall(r"exposure level for \S+: ([0-9.]+)", summary)
    exposed = [check["name"] for check in json.loads(done.stdout) if check["set"] is False]
    assert float(level) <= MOST_EXPOSED, exposed


def test_the_units_forbid_the_same() -> None:
    sandboxes = []
    for text in UNITS.values():
        sandbox = text.partition("CapabilityBoundingSet=")[2].partition("\n[Install]")[0]
        assert sandbox
        sandboxes.append(sandbox)
    assert len(set(sandboxes)) == 1


def test_what_a_unit_holds_back_is_no_secret_of_another_user() -> None:
    for unit in UNITS:
        assert values(unit, "EnvironmentFile") == ["/etc/vbsdash.env"]
        assert not re.search(r"(PASSWORD|SECRET_KEY|_URL)=", COMMANDS[unit])
        assert values(unit, "StateDirectoryMode") == ["0700"]
        assert values(unit, "UMask") == ["0077"]
