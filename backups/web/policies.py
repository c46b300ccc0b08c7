"""The backup policies of the clouds: what each promises, and whether it was kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from backups.query.list_query import InvalidQuery, ListQuery, without
from backups.reports import policies as report
from backups.reports.clouds import cloud_names
from backups.reports.coming import coming
from backups.reports.policies import OUTCOMES, CloudPolicies, PolicyState
from backups.shared.access import access_of
from backups.vbs.folding import fold
from backups.web import status
from backups.web.chips import chips, title
from backups.web.clean_address import clean_address
from backups.web.coming_rows import coming_row
from backups.web.htmx import HtmxHttpRequest
from backups.web.live import Live, to_the_minute
from backups.web.policy_rows import member_row, policy_badge, policy_row, slot_row
from backups.web.time_zone import zone

SHOWN: Final = 200  # the others are found by the filters
COMING_SHOWN: Final = 100
SLOTS_SHOWN: Final = 62  # of one policy: two runs a day for a month
KEYS: Final = frozenset({"q", "cloud", "outcome", "live"})
# States of a cloud's policies that need no word.
QUIET: Final = ("read", "none")


@require_safe
@clean_address()
def policy_list(request: HtmxHttpRequest) -> HttpResponse:
    now = timezone.now()
    problems = _problems(request)
    if problems:
        return _refuse(request, problems)
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    access = access_of(request)
    cloud = request.GET.get("cloud", "").replace("\x00", "")
    outcome = request.GET.get("outcome", "")
    q = request.GET.get("q", "").strip()
    rows = report.visible_policies(now, access=access)
    states = report.policy_states(rows, now, access=access, versions=live.versions)
    matching = [state for state in states if _matches(state, q, cloud, outcome)]
    clouds = report.policies_of_clouds(now, access=access)
    events = coming(now, access=access, versions=live.versions)
    chosen = _chosen({"q": q, "cloud": cloud, "outcome": outcome})
    filters = chips(request.GET, chosen, zone(request))
    context = {
        "now": now,
        "chips": filters,
        "title": title("Policies", len(matching), filters),
        "policies": [policy_row(state) for state in matching[:SHOWN]],
        "matching": len(matching),
        "more": max(0, len(matching) - SHOWN),
        "chosen": chosen.raw_values,
        "q": q,
        "cloud_names": sorted(cloud_names(access=access)),
        "outcomes": list(OUTCOMES),
        "clouds": [known for known in clouds if known.state not in QUIET],
        "have_none": bool(clouds) and all(known.state == "none" for known in clouds),
        "is_moving": _is_moving(clouds),
        "coming": [coming_row(event) for event in events[:COMING_SHOWN]],
        "coming_more": max(0, len(events) - COMING_SHOWN),
        **_verdict(states, clouds),
    }
    shown = {**context, "clouds": [_cloud_as_shown(known) for known in clouds]}
    return live.render("backups/policies.html", context, shown=shown)


@require_safe
def policy(request: HtmxHttpRequest, cloud: str, policy_id: str) -> HttpResponse:
    now = timezone.now()
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    access = access_of(request)
    detail = report.policy_detail(cloud, policy_id, now, access=access)
    if detail is None:
        page = {"cloud": cloud, "policy_id": policy_id}
        return render(request, "backups/not_known_policy.html", page, status=404)
    clouds = report.policies_of_clouds(now, access=access)
    known = next((known for known in clouds if known.cloud == cloud), None)
    context = {
        "now": now,
        "detail": detail,
        "policy": detail.state,
        "badge": policy_badge(detail.state),
        "slots": [slot_row(slot) for slot in detail.slots[:SLOTS_SHOWN]],
        "more_slots": max(0, len(detail.slots) - SLOTS_SHOWN),
        "members": [member_row(member) for member in detail.named],
        "known": known,
    }
    shown = {**context, "known": _cloud_as_shown(known) if known else None}
    return live.render("backups/policy.html", context, shown=shown)


def _chosen(filters: Mapping[str, str]) -> ListQuery:
    values: dict[str, tuple[str, ...]] = {}
    for key, value in filters.items():
        if value:
            values[key] = (value,)
    return ListQuery(raw_values=values)


def _matches(state: PolicyState, q: str, cloud: str, outcome: str) -> bool:
    """`outcome`: of its newest run, for at least one disk."""
    if cloud and state.cloud != cloud:
        return False
    if outcome and (state.newest is None or outcome not in state.newest.counts):
        return False
    searched = fold(q)
    return searched in fold(state.name or "") or searched in fold(state.policy_id)


def _verdict(states: Sequence[PolicyState], clouds: Sequence[CloudPolicies]) -> dict[str, object]:
    """Returns what the sentence on top says of all policies, whatever is filtered."""
    total = 0
    off = 0
    broken = 0
    disks_left_out = 0
    coming_runs: list[tuple[datetime, str, int]] = []
    for position, state in enumerate(states):
        if state.deleted_at is not None:
            continue
        total += 1
        if state.enabled is False:
            off += 1
        if state.newest is not None and state.newest.not_made:
            broken += 1
            disks_left_out += state.newest.not_made
        if state.next_run_at is not None:
            coming_runs.append((state.next_run_at, state.title, position))
    mark = status.POLICIES[True]
    if broken:
        mark = status.RUNS["failed"]
    elif not total or any(known.state not in QUIET for known in clouds):
        mark = status.POLICIES[None]
    elif off:
        mark = status.POLICIES[False]
    return {
        "total": total,
        "broken": broken,
        "disks_left_out": disks_left_out,
        "off": off,
        "mark": mark,
        "next": states[min(coming_runs)[2]] if coming_runs else None,
    }


def _is_moving(clouds: Sequence[CloudPolicies]) -> bool:
    """Tells whether two services of one project are seen."""
    names = {known.cloud for known in clouds}
    return any(known.other_service in names for known in clouds)


def _cloud_as_shown(known: CloudPolicies) -> Mapping[str, Any]:
    return {**vars(known), "read_at": to_the_minute(known.read_at)}


def _problems(request: HttpRequest) -> dict[str, str]:
    """Returns a sentence for each key of the address that says nothing here."""
    allowed = ", ".join(sorted(KEYS))
    sentences: dict[str, str] = {}
    for key in request.GET:
        if key not in KEYS:
            sentences[key] = f"is no filter of policies. There are: {allowed}."
    outcome = request.GET.get("outcome", "")
    if outcome and outcome not in OUTCOMES:
        choices = ", ".join(OUTCOMES)
        sentences["outcome"] = f"cannot be “{outcome[:80]}”. It can be: {choices}."
    return sentences


def _refuse(request: HttpRequest, problems: Mapping[str, str]) -> HttpResponse:
    e = InvalidQuery(problems, without(request.GET, *problems))
    page = {"problems": e.errors, "rest": e.valid_part, "list_url": reverse("policies")}
    return render(request, "backups/bad_filter.html", page, status=400)
