"""Processes that serve look through what they loaded once, not at each full round
of the garbage collector.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WORKER = (
    "import vbsdash; from celery.signals import worker_ready; from vbsdash import celery; "
    "worker_ready.send(None)"
)


@pytest.mark.parametrize("loads", ["import vbsdash.wsgi", WORKER], ids=["web", "worker"])
def test_what_is_loaded_once_is_frozen(loads: str, tmp_path: Path) -> None:
    code = f"{loads}; import gc; print(gc.get_freeze_count())"
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "vbsdash.settings",
        "VBSDASH_DATA_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert int(done.stdout.split()[-1]) > 10_000
