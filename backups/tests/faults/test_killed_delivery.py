"""A worker is killed after a message has gone out and before it was noted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backups.tests.alarms.far_side import channels_yaml, http_sink, webhook
from backups.tests.faults.parts import PROJECT
from backups.tests.run_settings import LIMIT_S

# Real processes on a database of their own.
pytestmark = [pytest.mark.real_clock, pytest.mark.either]

PREPARE = """
from django.core.management import call_command
from django.utils import timezone
from backups.alarms import outbox
from backups.edits.common import Actor
call_command("migrate", interactive=False, verbosity=0)
outbox.send_test("chat", actor=Actor("anna", timezone.now()))
"""
DELIVER = """
from backups.alarms.deliver import deliver
print(deliver("chat"))
"""
AFTER_THE_CLAIM = """
from datetime import timedelta
import time_machine
from django.utils import timezone
from backups.alarms.deliver import CLAIM, deliver
with time_machine.travel(timezone.now() + CLAIM):
    print(deliver("chat"))
"""


def test_a_message_whose_worker_was_killed_is_sent_again_with_the_same_event(
    tmp_path: Path,
) -> None:
    with http_sink() as sink:
        no_clouds = tmp_path / "clouds.yaml"
        no_clouds.write_text("clouds: {}\n")
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "vbsdash.settings",
            "DATABASE_URL": f"sqlite:///{tmp_path}/vbsdash.sqlite3",
            "OS_CLIENT_CONFIG_FILE": str(no_clouds),
            "VBSDASH_DATA_DIR": str(tmp_path / "data"),
            "VBSDASH_CHANNELS_FILE": str(channels_yaml(tmp_path, {"chat": webhook(sink)})),
            "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
        }

        def start(code: str) -> "subprocess.Popen[str]":
            argv = [sys.executable, "-c", f"import django; django.setup()\n{code}"]
            return subprocess.Popen(argv, env=env, cwd=PROJECT, stdout=subprocess.PIPE, text=True)

        assert start(PREPARE).communicate(timeout=LIMIT_S)[0] == ""
        sink.manner = "never"
        worker = start(DELIVER)
        sink.wait_for(1)
        worker.send_signal(signal.SIGKILL)
        worker.communicate(timeout=LIMIT_S)
        sink.recover()
        assert start(DELIVER).communicate(timeout=LIMIT_S)[0] == "0\n"
        assert start(AFTER_THE_CLAIM).communicate(timeout=LIMIT_S)[0] == "1\n"
        first, second = sink.requests
        assert first.json()["event_id"] == second.json()["event_id"]
