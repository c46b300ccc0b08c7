"""The design that vbsdash is measured against: one Celery task per backup, requests.get, save()."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from celery import Celery
from django.utils import timezone

from backups.bench.rig.processes import Process

app = Celery("naive", set_as_current=False)
COLUMNS = (
    "status",
    "name",
    "size",
    "volume_id",
    "availability_zone",
    "fail_reason",
    "object_count",
    "container",
)


@app.task
def refresh(backup_id: str, url: str, token: str) -> None:
    from backups.models import Backup  # Models load after the app registry.

    answer = requests.get(f"{url}/backups/{backup_id}", headers={"X-Auth-Token": token}, timeout=30)
    body: dict[str, Any] = answer.json()["backup"]
    row = Backup.objects.get(pk=backup_id)
    for column in COLUMNS:
        setattr(row, column, body[column])
    now = timezone.now()
    row.attempted_at = now
    row.refreshed_at = now
    row.save()


@contextmanager
def naive_worker(env: Mapping[str, str]) -> Iterator[Process]:
    """A worker with Celery's own defaults."""
    python = [sys.executable, "-W", "ignore", "-m"]
    celery = ["celery", "--quiet", "-A", __name__, "-b", env["CELERY_BROKER_URL"]]
    argv = [*python, *celery, "worker", "--concurrency", "2"]
    worker = Process(argv, {**env, "DJANGO_SETTINGS_MODULE": "vbsdash.settings"})
    try:
        yield worker
    finally:
        worker.stop()
