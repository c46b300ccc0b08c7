"""The Celery application, and a scheduler that leaves a sign of life with each message it sends."""

import os
from typing import Any

from celery import Celery
from celery.beat import ScheduleEntry, Scheduler
from celery.signals import task_prerun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vbsdash.settings")

app = Celery("vbsdash")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class BeatWithHeartbeat(Scheduler):
    """Beat's own in-memory scheduler (one static entry needs no file); `/readyz` reads the heartbeat."""

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        from backups.engine.heartbeat import beat  # models load after the app registry

        super().apply_entry(entry, producer)
        beat("scheduler")
        _note("scheduler")


@task_prerun.connect
def _before_a_task(**_: Any) -> None:
    _note("worker")


def _note(part: str) -> None:
    """What this process costs, for /metrics."""
    from django.utils import timezone

    from backups.engine import processes

    processes.note(part, timezone.now())
