"""`/healthz`: the process answers. `/readyz`: every part works, or a sentence
says which does not.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from celery import current_app
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from backups.reports import cloud_states
from backups.reports.cloud_states import CloudState
from backups.shared import broker_state, clock, database_state
from backups.shared.heartbeat import QUEUES, SILENCE, signs
from backups.web.set_up import NOT_SET_UP

logger = logging.getLogger(__name__)

OK = "ok"
LONGEST_LAG = timedelta(minutes=5)
CLOCKS_MAY_DIFFER = timedelta(seconds=30)  # this host's and the database's
BROKER_CONNECT_S = 2
BROKER_ANSWER_S = 2
BROKER_TOTAL_S = 3


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    parts = _parts(timezone.now(), not_set_up=request.META.get(NOT_SET_UP))
    is_ready = set(parts.values()) == {OK}
    return JsonResponse({"ready": is_ready, "parts": parts}, status=200 if is_ready else 503)


def _parts(now: datetime, *, not_set_up: str | None) -> dict[str, str]:
    """Returns "ok" or a sentence for each part, whatever error asking for it ends in: who watches
    reads the part and no page of an error.
    """
    parts = {"database": OK, "broker": _broker(), "worker": OK, "scheduler": OK, "lag": OK}
    if not_set_up is not None:
        return _without_database(parts, not_set_up)
    try:
        seen_at = signs()
        parts["database"] = _clock(clock.offset())
        late = [state.name for state in cloud_states.states(now) if _is_late(state)]
    except DatabaseError as e:
        logger.warning("readyz: the database cannot be used: %s", e)
        cure = database_state.cure_of(e)
        return _without_database(parts, f"The database of DATABASE_URL cannot be used: {cure}.")
    except Exception as e:
        # Such as a driver or an option that is not there.
        logger.warning("readyz: the database cannot be asked", exc_info=e)
        kind = type(e).__name__
        return _without_database(parts, f"The database of DATABASE_URL cannot be asked ({kind}).")
    parts["scheduler"] = _alive(seen_at.get("scheduler"), now, "The scheduler has sent nothing")
    parts["worker"] = _workers(seen_at, now)
    if parts["worker"] != OK and parts["scheduler"] != OK:
        parts["worker"] = "Not known: the scheduler sends nothing that a worker could take."
    if late:
        parts["lag"] = f"Backups have been due for over 5 minutes in: {', '.join(late)}."
    return parts


def _without_database(parts: dict[str, str], sentence: str) -> dict[str, str]:
    not_known = "Not known: the database cannot be asked."
    return {
        **parts,
        "database": sentence,
        "worker": not_known,
        "scheduler": not_known,
        "lag": not_known,
    }


def _clock(ahead: timedelta) -> str:
    """Compares this host's clock with the database's, `ahead` of it. Workers go by the database's;
    pages of a host whose own is wrong show wrong ages.
    """
    if abs(ahead) <= CLOCKS_MAY_DIFFER:
        return OK
    side = "behind" if ahead > timedelta(0) else "ahead of"
    seconds = f"{abs(ahead.total_seconds()):.0f} s"
    return f"The clock of this host is {seconds} {side} the database's: synchronise both."


def _is_late(state: CloudState) -> bool:
    """A cloud that does not answer is the cloud's fault, said on its page;
    this is about ourselves.
    """
    is_asked = state.configured and state.reachable is not False
    return is_asked and state.lag_seconds > LONGEST_LAG.total_seconds()


def _workers(seen_at: Mapping[str, datetime], now: datetime) -> str:
    """Each queue must have had a message consumed lately; a worker may take from
    one of them only.
    """
    if seen_at.keys().isdisjoint(QUEUES):
        return "No worker has taken a message yet."
    for queue in QUEUES:
        beginning = f"No worker has taken a message of queue {queue}"
        sentence = _alive(seen_at.get(queue), now, beginning)
        if sentence != OK:
            return sentence
    return OK


def _alive(seen_at: datetime | None, now: datetime, beginning: str) -> str:
    if seen_at is None:
        return f"{beginning} yet."
    if now - seen_at < SILENCE:
        return OK
    return f"{beginning} since {seen_at:%Y-%m-%d %H:%M:%S} UTC."


def _broker() -> str:
    try:
        # With the settings of TLS that the workers have.
        with current_app.connection_for_read(
            connect_timeout=BROKER_CONNECT_S,
            transport_options={"socket_timeout": BROKER_ANSWER_S},
        ) as connection:
            # Of several brokers the last one too, as the workers do.
            retries = len(connection.alt) or 1
            connection.ensure_connection(
                max_retries=retries, interval_start=0, timeout=BROKER_TOTAL_S
            )
    except Exception as e:  # noqa: BLE001
        # Any transport has errors of its own, for a wrong password, virtual host or certificate.
        # What Celery wraps says more than its wrapping.
        cause = e.__cause__ or e
        logger.warning("readyz: the broker cannot be used: %s", cause)
        reason = broker_state.reason(cause)
        return f"The broker cannot be used ({reason}): see CELERY_BROKER_URL."
    return OK
