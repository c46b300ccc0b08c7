"""Messages expire by the time that all hosts share: a host whose own clock is wrong neither drops
nor keeps them.
"""

from datetime import datetime
from typing import Any, Literal

from celery import Task
from celery.signals import before_task_publish
from celery.worker.request import Request
from django.utils import timezone


class SharedRequest(Request):
    """A received message. Celery itself would ask this host's clock."""

    def maybe_expire(self) -> Literal[True] | None:
        from backups.shared import clock

        given = self.expires
        if given is None:
            return None
        clock.measure()  # also before the first task: on a wrong host every message looks expired
        self.expires = given + (timezone.now() - clock.now())
        try:
            return super().maybe_expire()
        finally:
            self.expires = given  # it is asked more than once


class SharedTask(Task[Any, Any]):
    Request = "vbsdash.messages:SharedRequest"


@before_task_publish.connect
def _in_shared_time(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Celery wrote the end down by this host's clock."""
    from backups.shared import clock

    if headers and headers.get("expires"):
        off = clock.now() - timezone.now()
        headers["expires"] = (datetime.fromisoformat(headers["expires"]) + off).isoformat()
