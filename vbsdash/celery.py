"""The Celery application, and what its processes do at their start and before each task."""

import logging
import os
import sys
from typing import Any

import structlog
from celery import Celery, Task
from celery.signals import (
    after_task_publish,
    beat_init,
    before_task_publish,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_init,
    worker_ready,
)
from django.db import Error, connection

from vbsdash import log
from vbsdash.broker_url import IN_MEMORY, MEMORY
from vbsdash.gc_freeze import freeze
from vbsdash.sign_of_life import SignOfLife

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vbsdash.settings")

logger = logging.getLogger(__name__)
app = Celery("vbsdash", task_cls="vbsdash.celery_expiry:SharedClockTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["consumer"].add(SignOfLife)


REQUEST_ID = "request_id"  # in the context of the log, and in the headers of a message


@setup_logging.connect
def _set_up_logging(loglevel: int | None = None, **_: object) -> None:
    """Keeps Celery from giving some of its loggers handlers with a format of their own."""
    from django.conf import settings

    log.use(settings.LOGGING, loglevel=loglevel)


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
    """Measures the shared time, names the task and the request that it comes of in all that it
    logs, and notes what this process costs, for /metrics.
    """
    from backups.shared import clock, processes

    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)
    request_id = task.request.get(REQUEST_ID)
    if request_id is not None:
        structlog.contextvars.bind_contextvars(request_id=request_id)
        logger.info("the task begins")
    clock.measure()
    processes.note("worker", clock.now())


@task_postrun.connect
def _log_end(task: Task[Any, Any], state: str | None = None, **_: object) -> None:
    """Logs the end of what somebody has asked for; the scheduler's own come every few seconds."""
    if task.request.get(REQUEST_ID) is not None:
        logger.info("the task has ended", extra={"state": state})


@before_task_publish.connect
def _name_request(headers: dict[str, Any] | None = None, **_: object) -> None:
    """Writes into a message which request it comes of, also through further tasks: one grep over
    the logs of web and workers shows the whole of it.
    """
    request_id = structlog.contextvars.get_contextvars().get(REQUEST_ID)
    if headers is not None and request_id is not None:
        headers[REQUEST_ID] = request_id


@after_task_publish.connect
def _log_message(
    sender: str | None = None, headers: dict[str, Any] | None = None, **_: object
) -> None:
    if headers and headers.get(REQUEST_ID):
        logger.info("a task is sent", extra={"sent_task": sender, "sent_task_id": headers["id"]})
