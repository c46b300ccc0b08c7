"""The Celery application, and what its processes do at their start and before each task."""

import logging
import os
import sys
from typing import Any

import structlog
from celery import Celery, Task
from celery.signals import beat_init, task_prerun, worker_init, worker_ready
from django.db import Error, connection

from vbsdash import log
from vbsdash.broker_url import IN_MEMORY, MEMORY
from vbsdash.gc_freeze import freeze

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vbsdash.settings")

logger = logging.getLogger(__name__)
app = Celery("vbsdash", task_cls="vbsdash.celery_expiry:SharedClockTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def _refuse_broker_in_memory(**_: object) -> None:
    """Ends a worker or scheduler whose messages nobody else could get: tests alone have these."""
    from django.conf import settings

    if settings.CELERY_BROKER_URL.startswith(MEMORY):
        sys.exit(f"vbsdash: {IN_MEMORY}")


@worker_init.connect
@beat_init.connect
def _follow_database_clock(**_: object) -> None:
    """Makes this process tell the time by the database: what several hosts write must agree."""
    from backups.shared import clock

    log.log_uncaught_errors()
    _end_without_tables()
    clock.follow_database()


def _end_without_tables() -> None:
    """Ends this process with one sentence where the database lacks tables or columns.

    One that does not answer yet is waited for. One of a newer version is used: it is migrated
    before the processes of the version before are replaced.
    """
    from backups.shared import database_state

    try:
        database_state.check(newer_is_fine=True)
    except database_state.NotSetUp as e:
        sys.exit(f"vbsdash: {e}.")
    except Error:
        # What it is needed for first says so.
        pass
    finally:
        connection.close()


@worker_init.connect
def _log_settings_without_effect(**_: object) -> None:
    from backups.clouds import registry

    for sentence in registry.settings_without_effect():
        logger.warning("%s", sentence)


@worker_ready.connect
def _freeze_loaded_objects(**_: object) -> None:
    freeze()


@task_prerun.connect
def _prepare_task(task: Task[Any, Any], task_id: str, **_: object) -> None:
    """Measures the shared time, names the task in all that it logs, and notes what this process
    costs, for /metrics.
    """
    from backups.shared import clock, processes

    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)
    clock.measure()
    processes.note("worker", clock.now())
