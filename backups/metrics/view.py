"""`/metrics` for Prometheus: OpenMetrics, or the older text format for who asks for that alone; a
token is needed.
"""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from backups.edits import tokens
from backups.metrics.collector import Metrics
from backups.shared import processes, wrong_keys
from backups.shared.access import access_of_token

PLAIN = "text/plain; charset=utf-8"


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    try:
        key = tokens.key_of(request.headers.get("Authorization", ""))
        if key is None:
            raise tokens.Refused(
                "Write: Authorization: Bearer KEY. `manage.py create_token USER --read-only` "
                "makes one."
            )
        token = tokens.recognise(key, now)
        processes.note("web", now)
        registry = CollectorRegistry()
        access = access_of_token(token)
        registry.register(Metrics(now, access=access, per_volume=settings.METRICS_PER_DISK))
        ProcessCollector(registry=registry)
        return _answer(request, registry)
    except tokens.Refused as e:
        return _refusal(request, e)
    except DatabaseError:
        return HttpResponse("The database does not answer.\n", status=503, content_type=PLAIN)


def _refusal(request: HttpRequest, error: tokens.Refused) -> HttpResponse:
    if "Authorization" in request.headers:
        address = request.META["REMOTE_ADDR"]
        wait_s = wrong_keys.note(address, why=str(error), account=error.account)
        if wait_s is not None:
            sentence = wrong_keys.sentence(wait_s)
            slowed = HttpResponse(f"{sentence}\n", status=429, content_type=PLAIN)
            slowed["Retry-After"] = str(wait_s)
            return slowed
    refusal = HttpResponse(f"{error}\n", status=401, content_type=PLAIN)
    refusal["WWW-Authenticate"] = "Bearer"
    return refusal


def _answer(request: HttpRequest, registry: CollectorRegistry) -> HttpResponse:
    accept = request.headers.get("Accept", "")
    if "text/plain" in accept and "openmetrics" not in accept:
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
    text: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
    return HttpResponse(text, content_type=openmetrics.CONTENT_TYPE_LATEST)
