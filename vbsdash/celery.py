"""The Celery application, and a scheduler that leaves a sign of life with each message it sends."""

import os
from typing import Any

from celery import Celery
from celery.beat import ScheduleEntry, Scheduler

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
