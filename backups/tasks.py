"""Celery tasks: one verb of the engine each. Messages name clouds and kinds of work; the database
says what is due.
"""

import logging
import threading
import uuid
from collections.abc import Sequence
from typing import Any, cast

from celery import Task, shared_task
from celery.signals import worker_shutting_down
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from backups.clouds import registry
from backups.edits import demo
from backups.models import Backup
from backups.refresh import dispatcher, retention, single_gets, type_interpretation
from backups.refresh.dispatcher import DO, Work
from backups.refresh.fetch import stopping
from backups.refresh.worker_slots import worker_slot
from backups.shared import clock
from backups.shared.heartbeat import beat

logger = logging.getLogger(__name__)

AT_ONCE = 100  # backups asked about at once when a person wants to know
PATIENCE = 1.0  # seconds that a request may wait for the broker


@shared_task
def dispatch() -> None:
    """Call workers for what there is to do, cloud by cloud."""
    registry.ensure_rows()
    now = clock.now()
    if settings.DEMO:
        demo.furnish(now)
    clock.forget_the_future(now)
    type_interpretation.ensure_all(now)
    for need in dispatcher.needs(now):
        for _ in range(need.workers):
            if not _send(work, need.cloud, need.work, queue="bulk", expires=20):
                return


@shared_task
def work(cloud: str, kind: str) -> None:
    """Do one kind of work for a cloud, if this worker has room."""
    with worker_slot(cloud) as free:
        if free and cloud in registry.configured():
            DO[cast(Work, kind)](cloud)


@shared_task
def refresh_backups(cloud: str, ids: list[str]) -> None:
    """Ask about these now: a person waits. Without room they stay due, for the next dispatch."""
    with worker_slot(cloud, interactive=True) as free:
        if free:
            single_gets.refresh_these(cloud, [uuid.UUID(one) for one in ids])


@shared_task
def alive(queue: str) -> None:
    """The sign of life of a queue: sent by the scheduler, consumed by a worker."""
    beat(queue)


@shared_task
def prune_revisions() -> None:
    retention.prune(clock.now())
    retention.forget_causes()


def refresh_soon(ids: Sequence[str]) -> None:
    """After the commit, ask about these now: the first hundred at once, the rest by the next
    dispatch.
    """
    transaction.on_commit(lambda: _refresh_first(ids))


def _refresh_first(ids: Sequence[str]) -> None:
    mine = Backup.objects.filter(
        pk__in=[uuid.UUID(one) for one in ids[:AT_ONCE]], cloud__in=registry.configured()
    )
    by_cloud: dict[str, list[str]] = {}
    for pk, cloud in mine.values_list("pk", "cloud"):
        by_cloud.setdefault(cloud, []).append(str(pk))
    for cloud, some in by_cloud.items():
        _send(refresh_backups, cloud, some, queue="interactive", expires=55)


def _send(task: Task[Any, None], *words: Any, queue: str, expires: int) -> bool:
    """Publish, waiting no longer than PATIENCE. When the broker is away nothing is lost: what is
    due stays due.

    Options of the broker do not bound it: an absent one is tried for seconds, a frozen one answers
    no deadline. So the message is published beside the caller; it may still go out later, and while
    one hangs no other is tried.
    """
    if any(one.is_alive() for one in _hanging):
        return False
    sent = threading.Event()
    if task.app.conf.task_always_eager:  # Celery's own switch: the work is done here and now
        _publish(task, words, queue, expires, sent)
        return sent.is_set()
    thread = threading.Thread(
        target=_publish, args=(task, words, queue, expires, sent), daemon=True
    )
    thread.start()
    thread.join(PATIENCE)
    _hanging[:] = [one for one in (*_hanging, thread) if one.is_alive()]
    if thread.is_alive():
        logger.warning("the broker does not answer, what is due stays due")
    return sent.is_set()


def _publish(
    task: Task[Any, None], words: tuple[Any, ...], queue: str, expires: int, sent: threading.Event
) -> None:
    try:
        task.apply_async(words, queue=queue, expires=expires)
        sent.set()
    except (OperationalError, RedisError, OSError) as e:
        logger.warning("broker away, what is due stays due: %s", e)


_hanging: list[threading.Thread] = []  # messages of this process that are still on their way


@worker_shutting_down.connect
def _finish(**_: Any) -> None:
    """Begin no further questions: those under way end within their deadlines."""
    stopping.set()
