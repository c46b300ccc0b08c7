"""Publishes messages to the broker without holding the caller up for long."""

import logging
import threading
from contextvars import copy_context
from typing import Any

from celery import Task

from backups.shared.broker_errors import BROKER_ERRORS

logger = logging.getLogger(__name__)

BROKER_WAIT_S = 1.0  # how long a request may wait for the broker

_hanging: list[threading.Thread] = []  # each still publishes a message of this process


def publish(task: Task[Any, None], *arguments: object, queue: str, expires_s: int) -> bool:
    """Publishes a call of a task within BROKER_WAIT_S; returns whether it went out.

    When the broker is away nothing is lost: what is due stays due. Options of the broker do not
    bound the wait: an absent one is tried for seconds, a frozen one answers no deadline. So the
    message is published beside the caller, in a thread. It may still go out later, and while one
    hangs no other is tried.
    """
    if any(thread.is_alive() for thread in _hanging):
        return False
    is_published = threading.Event()

    def apply_async() -> None:
        try:
            task.apply_async(arguments, queue=queue, expires=expires_s)
            is_published.set()
        except BROKER_ERRORS as e:
            logger.warning("broker away, what is due stays due: %s", e)

    if task.app.conf.task_always_eager:
        # Celery's own switch: the work is done here and now, so there is no broker to wait for.
        apply_async()
        return is_published.is_set()
    # The message names the request that it comes of.
    context = copy_context()
    thread = threading.Thread(target=context.run, args=(apply_async,), daemon=True)
    thread.start()
    thread.join(BROKER_WAIT_S)
    _hanging[:] = [hanging for hanging in (*_hanging, thread) if hanging.is_alive()]
    if thread.is_alive():
        logger.warning("the broker does not answer, what is due stays due")
    return is_published.is_set()
