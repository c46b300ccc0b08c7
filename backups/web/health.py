"""`/healthz`: the process answers. `/readyz`: every part works, or a sentence
says which does not.
"""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from backups.reports import readiness
from backups.web.set_up import NOT_SET_UP


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """`warnings` hold what makes nothing stand still, and never make it 503."""
    state = readiness.check(timezone.now(), not_set_up=request.META.get(NOT_SET_UP))
    body = {"ready": state.is_ready, "parts": state.parts, "warnings": state.warnings}
    return JsonResponse(body, status=200 if state.is_ready else 503)
