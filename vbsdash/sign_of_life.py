"""Lets a worker show that it works: a thread of its pool touches a file every 5 s while the worker
is connected to the broker.
"""

import contextlib
from typing import Any

from celery import bootsteps
from celery.signals import task_postrun
from celery.worker.consumer import Consumer
from django.conf import settings

from backups.runner import alive


class SignOfLife(bootsteps.StartStopStep):
    """A step of the consumer, which is stopped when the broker is lost and started anew with each
    connection.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Consumer, **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self._timer: Any = None
        self._is_asked = False

    def start(self, consumer: Consumer) -> None:
        if settings.ALIVE_DIR is None:
            return
        self._is_asked = False
        self._ask(consumer.pool)
        self._timer = consumer.timer.call_repeatedly(
            alive.TOUCHED_EVERY_S, self._ask, (consumer.pool,)
        )

    def stop(self, consumer: Consumer) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask(self, pool: Any) -> None:
        """Has the next free thread touch the file: one that hangs never comes to it, and is asked
        no second time.
        """
        if not self._is_asked:
            self._is_asked = True
            pool.apply_async(touch, (alive.WORKER,), callback=self._note_answer)

    def _note_answer(self, _result: object) -> None:
        self._is_asked = False


@task_postrun.connect
def _touch_after_task(**_: object) -> None:
    touch(alive.WORKER)


def touch(part: str) -> None:
    """Touches the file of a part, where there is a folder for it."""
    if settings.ALIVE_DIR is not None:
        # Where it cannot, its health check says that the part is silent.
        with contextlib.suppress(OSError):
            alive.touch(settings.ALIVE_DIR, part)
