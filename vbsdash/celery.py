"""The Celery application, and what its processes do at their start and before each task."""

import os
from typing import Any

import structlog
from celery import Celery, Task
from celery.signals import beat_init, task_prerun, worker_init, worker_ready

from vbsdash import log
from vbsdash.garbage import freeze

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vbsdash.settings")

app = Celery("vbsdash", task_cls="vbsdash.messages:SharedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def _at_the_start(**_: Any) -> None:
    """Hosts may disagree about the time; what they write must not."""
    from backups.shared import clock

    log.log_what_ends_the_process()
    clock.follow_database()


@worker_ready.connect
def _all_is_loaded(**_: Any) -> None:
    freeze()


@task_prerun.connect
def _before_a_task(task: Task[Any, Any], task_id: str, **_: Any) -> None:
    """By the shared time; name the task in all that is logged; note what this process costs, for
    /metrics.
    """
    from backups.shared import clock, processes

    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)
    clock.measure()
    processes.note("worker", clock.now())
