"""Django's own check of what is served to others finds nothing under the settings of production."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backups.tests.faults.parts import PROJECT
from backups.tests.run_settings import LIMIT_S

pytestmark = pytest.mark.once


def test_a_deployment_behind_a_proxy_has_no_warning(tmp_path: Path) -> None:
    argv = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "VBSDASH_DATA_DIR": str(tmp_path / "data"),
        "VBSDASH_URL": "https://backups.example.com/vbs",
    }
    done = subprocess.run(
        argv, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout
