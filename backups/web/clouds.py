"""The clouds: reachable or why not, how far behind, which reading of Type is in force; and the
connection test.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from backups.analysis.rules import span
from backups.clouds import connection_test, registry
from backups.clouds.registry import UnknownCloud
from backups.models.cloud import SILENT_AFTER
from backups.reports import cloud_states
from backups.reports.cloud_states import CloudState
from backups.vbs.auth import sign_in_class
from backups.web import status
from backups.web.live import Live
from backups.web.status import Badge

CLOCKS = timedelta(minutes=1)  # by which ours and a cloud's may differ
TESTS = "connection_tests"  # in the session: the last test of each cloud that this person made


@dataclass(frozen=True)
class Line:
    """A step of a connection test as shown."""

    name: str
    badge: Badge
    detail: str
    milliseconds: int | None
    failed: bool


@dataclass(frozen=True)
class Tested:
    at: datetime | None
    lines: tuple[Line, ...]
    next: str
    ok: bool


@dataclass(frozen=True)
class Shown:
    state: CloudState
    badge: Badge
    paused: bool
    pause: str  # why, in a sentence
    breaker: Badge
    signs_each_call: bool
    heard: bool  # else all that is known of its backups is stale
    clocks_differ: str  # a sentence, empty when they do not
    test: Tested | None = None


def shown(
    now: datetime, tests: Mapping[str, Any] | None = None, *, brief: bool = False
) -> list[Shown]:
    """Every cloud with its look, the worst first. `brief` as in `cloud_states.states`."""
    found = [
        _shown(state, now, (tests or {}).get(state.name))
        for state in cloud_states.states(now, brief=brief)
    ]
    return sorted(
        found, key=lambda one: (one.badge.tone != "fail", not one.state.configured, one.state.name)
    )


@require_safe
def cloud_list(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    found = shown(now, request.session.get(TESTS))
    live = Live(request, now, found)  # the delay and the use of the budget change with every second
    if live.answer is not None:
        return live.answer
    silent = [one for one in found if one.badge.tone == "fail"]
    asked = [one for one in found if one.state.configured]
    page = {
        "now": now,
        "etag": live.etag,
        "clouds": found,
        "silent": silent,
        "asked": asked,
        "answering": sum(one.badge.tone == "ok" for one in asked),
        "mark": (silent or asked)[0].badge if asked else status.NOT_CONFIGURED,
    }
    return render(request, "backups/clouds.html", page)


@require_POST
def test_connection(request: HttpRequest, name: str) -> HttpResponse:
    """A few seconds at most: each step has a deadline. The result stays with the session until the
    next test.
    """
    try:
        found = connection_test.run(name, timezone.now(), clock=timezone.now)
    except UnknownCloud as e:
        raise Http404(str(e)) from e
    kept = asdict(found) | {"at": found.at.isoformat()}
    request.session[TESTS] = request.session.get(TESTS, {}) | {name: kept}
    return redirect(f"{reverse('clouds')}#test-{name}")


def _shown(state: CloudState, now: datetime, test: Any) -> Shown:
    badge = status.REACHABLE[state.reachable] if state.configured else status.NOT_CONFIGURED
    paused = state.paused_until is not None and state.paused_until > now
    config = registry.configured().get(state.name)
    signs = config is not None and sign_in_class(config.auth_type).signs_each_call
    heard = state.last_good_at is not None and state.last_good_at > now - SILENT_AFTER
    breaker = status.BREAKERS[state.breaker]
    tested = _tested(test) if test else None
    return Shown(
        state, badge, paused, _pause(state), breaker, signs, heard, _clocks_differ(state), tested
    )


def _clocks_differ(state: CloudState) -> str:
    """A sentence when our clock and the cloud's are more than a minute apart; the cloud's `Date`
    headers tell.
    """
    ahead = timedelta(seconds=state.clock_ahead_seconds or 0)
    if abs(ahead) <= CLOCKS:
        return ""
    side = "ahead of" if ahead > timedelta(0) else "behind"
    return (
        f"The clock of vbsdash is {span(abs(ahead))} {side} this cloud's: synchronise both, or "
        "ages here are wrong."
    )


_PAUSES = {
    "refused": (
        "The sign-in was refused, so it waits for an hour, a changed configuration or a person."
    ),
    "retry_after": "The cloud asked for fewer calls.",
    "breaker": "It failed several times in a row; one call at a time tries whether it is back.",
}


def _pause(state: CloudState) -> str:
    return _PAUSES.get(state.pause_reason or "", "")


def _tested(kept: Mapping[str, Any]) -> Tested:
    steps = kept["steps"]
    lines = tuple(
        Line(
            status.STEPS[one["step"]],
            status.STEP_OUTCOMES[one["outcome"]],
            one["detail"],
            one["milliseconds"],
            one["outcome"] == "failed",
        )
        for one in steps
    )
    cure = next((one["next"] for one in steps if one["outcome"] == "failed"), "")
    return Tested(parse_datetime(kept["at"]), lines, cure, kept["ok"])
