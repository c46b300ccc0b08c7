"""A request never waits long for the broker: what it asks for is due in the database anyway."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

PUBLISH_TWICE = """
import json, time, django
django.setup()
from backups import tasks
spent = []
for _ in range(2):
    began = time.monotonic()
    sent = tasks._send(tasks.alive, "bulk", queue="bulk", expires=5)
    spent.append((sent, time.monotonic() - began))
print(json.dumps(spent))
"""


@pytest.mark.parametrize("absent", [False, True], ids=["frozen", "absent"])
def test_no_broker_holds_a_request_up(tmp_path: Path, absent: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # it listens and never answers
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        if absent:
            server.close()
        env = {**os.environ, "CELERY_BROKER_URL": url, "REDIS_URL": url, "VBSDASH_DATA_DIR": str(tmp_path)}
        env["DJANGO_SETTINGS_MODULE"] = "vbsdash.settings"
        argv = (sys.executable, "-c", PUBLISH_TWICE)
        said = subprocess.run(argv, env=env, cwd=settings.BASE_DIR, capture_output=True, check=True, timeout=60)
    (first, waited), (second, waited_again) = json.loads(said.stdout.splitlines()[-1])
    assert (first, second) == (False, False)
    assert waited < 2
    assert waited_again < 0.5, "one message that hangs is enough to know"
