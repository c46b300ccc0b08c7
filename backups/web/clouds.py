"""The clouds: reachable or why not, how far behind, and which reading of Type is in force."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from backups.engine import clouds
from backups.engine.clouds import CloudState
from backups.web import status
from backups.web.status import Look


@dataclass(frozen=True)
class Shown:
    state: CloudState
    look: Look
    paused: bool


def shown(now: datetime) -> list[Shown]:
    """Every cloud with its look, the worst first."""
    found = [_shown(state, now) for state in clouds.states(now)]
    return sorted(found, key=lambda one: (one.look.tone != "fail", not one.state.configured, one.state.name))


@require_safe
def cloud_list(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    found = shown(now)
    silent = [one for one in found if one.look.tone == "fail"]
    asked = [one for one in found if one.state.configured]
    page = {"now": now, "clouds": found, "silent": silent, "asked": asked, "answering": len(asked) - len(silent)}
    return render(request, "backups/clouds.html", page)


def _shown(state: CloudState, now: datetime) -> Shown:
    look = status.REACHABLE[state.reachable] if state.configured else status.NOT_CONFIGURED
    return Shown(state, look, state.paused_until is not None and state.paused_until > now)
