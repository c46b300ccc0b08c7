"""The clouds: reachable or why not, how far behind, which reading of Type is in force;
and the connection test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from backups.analysis.numbers import thousands
from backups.analysis.rules import span
from backups.clouds import connection_test, registry
from backups.clouds.registry import UnknownCloud
from backups.models import Access
from backups.models.cloud import SILENT_AFTER
from backups.reports import cloud_states
from backups.reports.cloud_states import CloudState
from backups.reports.data_version import Versions
from backups.shared.access import access_of
from backups.vbs.auth import sign_in_class
from backups.web import status
from backups.web.htmx import HtmxHttpRequest
from backups.web.live import Live
from backups.web.status import Badge

CLOCKS_MAY_DIFFER = timedelta(minutes=1)  # ours and a cloud's
# In the session: the last test of each cloud that this person made.
SESSION_KEY = "connection_tests"


@dataclass(frozen=True)
class StepLine:
    """A step of a connection test as shown."""

    name: str
    badge: Badge
    detail: str
    milliseconds: int | None
    failed: bool


@dataclass(frozen=True)
class TestResult:
    """`next`: what to do about the step that failed; empty when none did."""

    at: datetime | None
    lines: tuple[StepLine, ...]
    next: str
    ok: bool


@dataclass(frozen=True)
class CloudCard:
    """A cloud as shown. `pause` says why, `clocks_differ` is a sentence, or empty. Unless it
    `answers_lately`, all that is known of its backups is stale.
    """

    state: CloudState
    badge: Badge
    paused: bool
    pause: str
    breaker: Badge
    calls_a_minute: int
    signs_each_call: bool
    answers_lately: bool
    clocks_differ: str
    test: TestResult | None = None


def cloud_cards(
    now: datetime,
    tests: Mapping[str, Any] | None = None,
    *,
    access: Access,
    brief: bool = False,
    versions: Versions | None = None,
) -> list[CloudCard]:
    """Returns every cloud that the reader may see, the worst first. `tests` are those of the
    session; `brief` and `versions` as in `cloud_states.states`.
    """
    tests = tests or {}
    states = cloud_states.states(now, access=access, brief=brief, versions=versions)
    cards = [_card(state, now, tests.get(state.name)) for state in states]
    cards.sort(
        key=lambda card: (card.badge.tone != "fail", not card.state.configured, card.state.name)
    )
    return cards


@dataclass(frozen=True)
class CloudAnswers:
    """The configured clouds, how many of them answer, those that do not, and those whose backup
    service ended.
    """

    configured: Sequence[CloudCard]
    answering: int
    silent: Sequence[CloudCard]
    ended: Sequence[CloudCard]


def answers_of(cards: Sequence[CloudCard]) -> CloudAnswers:
    configured = [card for card in cards if card.state.configured]
    answering = 0
    silent = []
    ended = []
    for card in configured:
        if card.state.service_ended_at is not None:
            ended.append(card)
        elif card.badge.tone == "ok":
            answering += 1
        elif card.badge.tone == "fail":
            silent.append(card)
    return CloudAnswers(configured, answering, silent, ended)


@require_safe
def cloud_list(request: HtmxHttpRequest) -> HttpResponse:
    now = timezone.now()
    cards = cloud_cards(now, request.session.get(SESSION_KEY), access=access_of(request))
    # The delay and the use of the budget change with every second.
    live = Live(request, now, cards)
    if live.answer is not None:
        return live.answer
    answers = answers_of(cards)
    mark = status.NOT_CONFIGURED
    if answers.configured:
        # The worst cloud is the first.
        mark = cards[0].badge
    page = {
        "now": now,
        "clouds": cards,
        "silent": answers.silent,
        "ended": answers.ended,
        "configured_clouds": answers.configured,
        "answering": answers.answering,
        "mark": mark,
    }
    return live.render("backups/clouds.html", page)


@require_POST
def test_connection(request: HttpRequest, name: str) -> HttpResponse:
    """Tests a cloud in a few seconds at most: each step has a deadline. The result stays with the
    session until the next test.
    """
    if not access_of(request).opens(name):
        raise Http404(str(UnknownCloud(name, access_of(request))))
    try:
        result = connection_test.run(name, timezone.now(), clock=timezone.now)
    except UnknownCloud as e:
        raise Http404(str(e)) from e
    stored = asdict(result) | {"at": result.at.isoformat()}
    request.session[SESSION_KEY] = request.session.get(SESSION_KEY, {}) | {name: stored}
    return redirect(f"{reverse('clouds')}#test-{name}")


def _card(state: CloudState, now: datetime, test: Mapping[str, Any] | None) -> CloudCard:
    config = registry.configured().get(state.name)
    return CloudCard(
        state=state,
        badge=_badge(state),
        paused=state.paused_until is not None and state.paused_until > now,
        pause=_pause(state),
        breaker=status.BREAKERS[state.breaker],
        calls_a_minute=round(60 * (state.requests_per_second or 0)),
        signs_each_call=(config is not None and sign_in_class(config.auth_type).signs_each_call),
        answers_lately=state.last_good_at is not None and state.last_good_at > now - SILENT_AFTER,
        clocks_differ=_clocks_differ(state),
        test=_test_result(test) if test else None,
    )


def _badge(state: CloudState) -> Badge:
    """Returns whether a cloud answers; one whose backup service ended is never healthy."""
    if not state.configured:
        return status.NOT_CONFIGURED
    if state.service_ended_at is not None:
        return status.SERVICE_ENDED
    return status.REACHABLE[state.reachable]


def _pause(state: CloudState) -> str:
    """Returns why a cloud is left alone, as what follows “because”; empty where it is not, or where
    one call at a time is made.
    """
    if state.pause_reason == "refused":
        return (
            "the sign-in was refused; a changed configuration, or a person who tests the "
            "connection, ends the pause"
        )
    if state.pause_reason == "retry_after":
        return "the cloud asked for fewer calls"
    if state.failures and state.breaker != "closed":
        return (
            f"{thousands(state.failures)} calls in a row failed; one call at a time tries whether "
            "it is back"
        )
    return ""


def _clocks_differ(state: CloudState) -> str:
    """Returns a sentence when our clock and the cloud's are more than a minute apart; the cloud's
    `Date` headers tell.
    """
    ahead = timedelta(seconds=state.clock_ahead_seconds or 0)
    if abs(ahead) <= CLOCKS_MAY_DIFFER:
        return ""
    side = "ahead of" if ahead > timedelta(0) else "behind"
    return (
        f"The clock of vbsdash is {span(abs(ahead))} {side} this cloud's: synchronise both, or "
        "ages here are wrong."
    )


def _test_result(stored: Mapping[str, Any]) -> TestResult:
    lines = []
    cure = ""
    for step in stored["steps"]:
        failed = step["outcome"] == "failed"
        badge = status.STEP_OUTCOMES[step["outcome"]]
        name = status.STEPS[step["step"]]
        lines.append(StepLine(name, badge, step["detail"], step["milliseconds"], failed))
        if failed and not cure:
            cure = step["next"]
    return TestResult(parse_datetime(stored["at"]), tuple(lines), cure, stored["ok"])
