"""`/healthz`: the process answers. `/readyz`: every part works, or a sentence says which does
not.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from celery import current_app
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu import Connection
from kombu.exceptions import OperationalError

from backups.reports import cloud_states
from backups.shared import clock
from backups.shared.heartbeat import QUEUES, SILENCE, signs

LAG = timedelta(minutes=5)
CLOCKS = timedelta(seconds=30)  # by which this host and the database may disagree


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    parts = _parts(timezone.now())
    ready = all(word == "ok" for word in parts.values())
    return JsonResponse({"ready": ready, "parts": parts}, status=200 if ready else 503)


def _parts(now: datetime) -> dict[str, str]:
    parts = {"database": "ok", "broker": _broker(), "worker": "ok", "scheduler": "ok", "lag": "ok"}
    try:
        seen = signs()
        parts["database"] = _clock(clock.offset())
        late = [
            state.name
            for state in cloud_states.states(now)
            if state.configured and _late(state, now)
        ]
    except DatabaseError:
        unknown = "Not known: the database does not answer."
        return {
            **parts,
            "database": "The database does not answer.",
            "worker": unknown,
            "scheduler": unknown,
        }
    parts["scheduler"] = _alive(seen.get("scheduler"), now, "The scheduler has sent nothing")
    parts["worker"] = _workers(seen, now)
    if parts["worker"] != "ok" and parts["scheduler"] != "ok":
        parts["worker"] = "Not known: the scheduler sends nothing that a worker could take."
    if late:
        parts["lag"] = f"Backups have been due for over 5 minutes in: {', '.join(late)}."
    return parts


def _clock(ahead: timedelta) -> str:
    """Workers go by the database's clock; pages of a host whose own is wrong show wrong ages."""
    off = (
        f"{abs(ahead.total_seconds()):.0f} s {'behind' if ahead > timedelta(0) else 'ahead of'} "
        "the database's"
    )
    return "ok" if abs(ahead) <= CLOCKS else f"The clock of this host is {off}: synchronise both."


def _late(state: cloud_states.CloudState, now: datetime) -> bool:
    """A cloud that does not answer is the cloud's fault, said on its page; this is about
    ourselves.
    """
    return state.reachable is not False and state.lag_seconds > LAG.total_seconds()


def _workers(seen: Mapping[str, datetime], now: datetime) -> str:
    """Each queue must have had a message consumed lately; a worker may take from one of them
    only.
    """
    if not any(queue in seen for queue in QUEUES):
        return "No worker has taken a message yet."
    said = {
        queue: _alive(seen.get(queue), now, f"No worker has taken a message of queue {queue}")
        for queue in QUEUES
    }
    return next((word for word in said.values() if word != "ok"), "ok")


def _alive(at: datetime | None, now: datetime, sentence: str) -> str:
    if at is None:
        return f"{sentence} yet."
    return "ok" if now - at < SILENCE else f"{sentence} since {at:%Y-%m-%d %H:%M:%S} UTC."


def _broker() -> str:
    try:
        with Connection(
            current_app.conf.broker_url, connect_timeout=2, transport_options={"socket_timeout": 2}
        ) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
    except (OperationalError, OSError) as e:
        return f"The broker does not answer ({type(e).__name__})."
    return "ok"
