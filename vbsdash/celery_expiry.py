"""Makes Celery messages expire by the clock that all hosts share.

Celery writes `expires` by the clock of the host that publishes, and compares it with the clock of
the host that receives; it has no setting for another clock. Where these clocks disagree by more
than the few minutes that a message lives, a worker would drop every message as expired, or keep
old ones alive. So both ends are corrected here by `backups.shared.clock`.
"""

from datetime import datetime
from typing import Any, Literal

from celery import Task
from celery.signals import before_task_publish
from celery.worker.request import Request
from django.utils import timezone


class SharedClockRequest(Request):
    """A received message, which expires by the shared clock."""

    def maybe_expire(self) -> Literal[True] | None:
        from backups.shared import clock

        expires = self.expires
        if expires is None:
            return None
        if clock.now() > expires:
            # Before the first task, and after a jump of this host's clock, every message looks so.
            # For others the tasks do it: the thread that receives messages also sends heartbeats,
            # and a silent database would keep it from that until the broker gives it up.
            clock.measure()
        self.expires = expires + (timezone.now() - clock.now())
        try:
            return super().maybe_expire()
        finally:
            # Celery calls this more than once for one message.
            self.expires = expires


class SharedClockTask(Task[Any, Any]):
    Request = "vbsdash.celery_expiry:SharedClockRequest"


@before_task_publish.connect
def _expire_by_shared_clock(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Corrects `expires`, which Celery wrote by the clock of this host."""
    from backups.shared import clock

    if headers and headers.get("expires"):
        offset = clock.now() - timezone.now()
        headers["expires"] = (datetime.fromisoformat(headers["expires"]) + offset).isoformat()
