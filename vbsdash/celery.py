"""The Celery application, and a scheduler that leaves a sign of life with each message it sends."""

import os
from typing import Any

from celery import Celery
from celery.beat import ScheduleEntry, Scheduler
from celery.signals import beat_init, task_prerun, worker_init, worker_ready

from vbsdash.garbage import freeze

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vbsdash.settings")

app = Celery("vbsdash", task_cls="vbsdash.messages:SharedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class BeatWithHeartbeat(Scheduler):
    """Beat's own in-memory scheduler (one static entry needs no file); `/readyz` reads the heartbeat."""

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        from backups.engine import clock, heartbeat  # models load after the app registry

        super().apply_entry(entry, producer)
        clock.measure()
        heartbeat.beat("scheduler")
        _note("scheduler")


@worker_init.connect
@beat_init.connect
def _go_by_the_database(**_: Any) -> None:
    """Hosts may disagree about the time; what they write must not."""
    from backups.engine import clock

    clock.follow_database()


@worker_ready.connect
def _all_is_loaded(**_: Any) -> None:
    freeze()


@task_prerun.connect
def _before_a_task(**_: Any) -> None:
    from backups.engine import clock

    clock.measure()
    _note("worker")


def _note(part: str) -> None:
    """What this process costs, for /metrics."""
    from backups.engine import clock, processes

    processes.note(part, clock.now())
