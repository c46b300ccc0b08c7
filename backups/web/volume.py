"""One disk: is it safe, by which rule, day by day, its chains, and what operators set on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from backups import tasks
from backups.analysis.chains import Chain, Member
from backups.edits import tracking, volume_edits
from backups.edits.common import Conflict
from backups.edits.volume_edits import StillKnown, UnknownVolume
from backups.query.list_query import InvalidQuery
from backups.query.volume_keys import stored_volume_id
from backups.reports import audit
from backups.reports.policies import NOT_MADE
from backups.reports.volume_backups import backup_ids_of_volume, newest_backups_of_volume
from backups.reports.volume_runs import volume_plan
from backups.reports.volumes import volume_detail
from backups.shared.access import access_of
from backups.vbs.statuses import FAILED, IN_FLIGHT
from backups.web import asked, grid
from backups.web.actor import actor
from backups.web.alarm_rows import alarms_as_shown, rows_of_volume
from backups.web.charts import chain as chain_chart
from backups.web.htmx import HtmxHttpRequest
from backups.web.id_in_path import to_canonical
from backups.web.live import POLL_MOVING_S, POLL_S, Live, to_the_minute
from backups.web.plan_rows import plan_row
from backups.web.time_zone import zone
from backups.web.volume_days import bad_days
from backups.web.volume_forms import VolumeChange, VolumeForm, hours_text
from backups.web.volume_row import as_shown, volume_row

NEWEST_SHOWN = 5
CHAINS_SHOWN = 12
ROW_FIELDS = (
    "id",
    "cloud",
    "status",
    "tracking_state",
    "progress",
    "name",
    "kind",
    "kind_conflict",
    "chain_size_mb",
    "created_at",
    "refreshed_at",
    "fail_reason",
)
LEAST_SIZES = 3  # of a chain that may be said to grow
FOLLOW_CHOICES = {True: "yes", False: "no", None: "cloud"}


@dataclass(frozen=True)
class ChainBadge:
    condition: str
    tone: str
    glyph: str


@dataclass(frozen=True)
class ChainRow:
    """`span` names the chain by its days; `condition` says what it is good for."""

    chain: Chain
    members: tuple[tuple[Member, ...], ...]  # as a strip takes them: one chain
    span: str
    counted: str
    grown: int | None  # MB a day
    condition: str
    tone: str
    glyph: str


@require_safe
def volume(request: HtmxHttpRequest, cloud: str, volume_id: str) -> HttpResponse:
    return _page(request, cloud, volume_id, None, None)


@require_POST
def edit(request: HtmxHttpRequest, cloud: str, volume_id: str) -> HttpResponse:
    """Sets something on a volume. What somebody else changed meanwhile is said, and
    what was typed stays.
    """
    if not access_of(request).opens(cloud):
        return _not_known(request, cloud, volume_id)
    form = VolumeForm(request.POST)
    volume_id = stored_volume_id(cloud, volume_id)
    change = VolumeChange(
        volumes=[(cloud, volume_id)],
        actor=actor(request),
        version=form.cleaned_data.get("version") if form.is_valid() else None,
        zone=zone(request),
    )
    try:
        if form.apply(change) is not None:
            messages.success(request, "Saved.")
            return redirect("volume", cloud, volume_id)
    except UnknownVolume:
        return _not_known(request, cloud, volume_id)
    except Conflict as e:
        return _page(request, cloud, volume_id, form, e)
    return _page(request, cloud, volume_id, form, None)


@require_POST
def refresh(request: HttpRequest, cloud: str, volume_id: str) -> HttpResponse:
    """Asks the cloud about every tracked backup of a volume now."""
    if not access_of(request).opens(cloud):
        return _not_known(request, cloud, volume_id)
    volume_id = stored_volume_id(cloud, volume_id)
    ids = backup_ids_of_volume(cloud, volume_id, access=access_of(request))
    now = timezone.now()
    count = tracking.refresh_now(ids, now, access_of(request))
    tasks.refresh_soon(ids)
    asked.follow(request, asked.of_volume(cloud, volume_id), ids, total=count, at=now)
    return redirect("volume", cloud, volume_id)


@require_POST
def remove(request: HttpRequest, cloud: str, volume_id: str) -> HttpResponse:
    """Forgets a volume that was registered by hand, and that nothing else makes known."""
    if not access_of(request).opens(cloud):
        return _not_known(request, cloud, volume_id)
    volume_id = stored_volume_id(cloud, volume_id)
    try:
        volume_edits.remove(cloud, volume_id, actor=actor(request))
    except UnknownVolume:
        return _not_known(request, cloud, volume_id)
    except StillKnown as e:
        messages.error(request, f"This disk stays. {e}")
        return redirect("volume", cloud, volume_id)
    messages.success(request, f"The disk {volume_id} is registered no more.")
    return redirect("volumes")


def _page(
    request: HtmxHttpRequest,
    cloud: str,
    volume_id: str,
    form: VolumeForm | None,
    conflict: Conflict | None,
) -> HttpResponse:
    now = timezone.now()
    last_asked = asked.asked(request, asked.of_volume(cloud, volume_id), now)
    live = Live(request, now, last_asked)
    if live.answer is not None:
        return live.answer
    access = access_of(request)
    state = volume_detail(cloud, volume_id, now, access=access)
    if state is None:
        return _not_known(request, cloud, volume_id)
    volume_id = state.volume_id
    elsewhere = to_canonical(request, reverse("volume", args=(cloud, volume_id)))
    if elsewhere is not None:
        return elsewhere
    reader_zone = zone(request)
    try:
        days = grid.grid(request.GET, now, reader_zone)
    except InvalidQuery as e:
        page = {"problems": e.errors, "rest": e.valid_part, "list_url": request.path}
        return render(request, "backups/bad_filter.html", page, status=400)
    plan = volume_plan(state, now, access=access)
    unkept = [(run.slot_at, run.outcome) for run in plan.runs if run.outcome in NOT_MADE]
    row = volume_row(state, days.days, reader_zone, now, unkept=unkept)
    alarms = rows_of_volume(cloud, volume_id, now, access=access)
    is_moving = _is_any_running(state.chains) or asked.is_followed(last_asked)
    context = {
        "now": now,
        "asked": last_asked,
        "volume": row,
        "state": state,
        "grid": days,
        "bad_days": bad_days(row, days, reader_zone),
        "plan": plan_row(plan),
        "chains": _chain_rows(state.chains),
        "chains_n": len(state.chains),
        "newest": newest_backups_of_volume(
            cloud,
            volume_id,
            now,
            access=access,
            fields=ROW_FIELDS,
            limit=NEWEST_SHOWN,
            also_under=state.also_under,
        ),
        "stored": [(point.day, point.mb) for point in state.growth.points],
        "hours": {
            "period": hours_text(state.rule["period_seconds"]),
            "grace": hours_text(state.rule["grace_seconds"]),
        },
        "follow_set": FOLLOW_CHOICES[state.follow_set],
        "form": form,
        "conflict": conflict,
        "what": form.data.get("what") if form else "",
        "zone": reader_zone,
        "alarms": alarms,
        "acts": audit.of_volume(cloud, volume_id, access=access_of(request)),
        "every": POLL_MOVING_S if is_moving else POLL_S,
    }
    status = 200
    if conflict:
        status = 409
    elif form:
        status = 400
    shown = {
        **context,
        "volume": (row.day_states, row.unkept),
        "state": as_shown(state),
        "known_until": to_the_minute(state.known_until),
        "alarms": alarms_as_shown(alarms),
    }
    return live.render("backups/volume.html", context, status=status, shown=shown)


def _not_known(request: HttpRequest, cloud: str, volume_id: str) -> HttpResponse:
    page = {"cloud": cloud, "volume_id": volume_id}
    return render(request, "backups/not_known_volume.html", page, status=404)


def _is_any_running(chains: Sequence[Chain]) -> bool:
    """Is the newest backup of a chain in flight?"""
    return any(chain.members and chain.members[-1].status in IN_FLIGHT for chain in chains)


def _chain_rows(chains: Sequence[Chain]) -> list[ChainRow]:
    """Returns the newest chains, the newest first."""
    newest_first = list(reversed(chains))[:CHAINS_SHOWN]
    return [_chain_row(chain, is_newest=chain is chains[-1]) for chain in newest_first]


def _chain_row(chain: Chain, *, is_newest: bool) -> ChainRow:
    badge = _chain_badge(chain)
    return ChainRow(
        chain=chain,
        members=(chain.members,),
        span=_days_of(chain, is_newest=is_newest),
        counted=chain_chart.summary(chain.members),
        grown=_growth_mb_a_day(chain),
        condition=badge.condition,
        tone=badge.tone,
        glyph=badge.glyph,
    )


def _days_of(chain: Chain, *, is_newest: bool) -> str:
    first = chain.members[0].at
    last = chain.members[-1].at
    if is_newest:
        return f"since {_day(first)}"
    if first.date() == last.date():
        return _day(first)
    return f"{_day(first)} – {_day(last)}"


def _growth_mb_a_day(chain: Chain) -> int | None:
    """Returns how fast a chain grows between its first and last known size; None when there are too
    few sizes, or less than a day between them.
    """
    sized = [member for member in chain.members if member.chain_size_mb is not None]
    if len(sized) < LEAST_SIZES:
        return None
    first = sized[0]
    last = sized[-1]
    length = last.at - first.at
    if not length.days or first.chain_size_mb is None or last.chain_size_mb is None:
        return None
    return round((last.chain_size_mb - first.chain_size_mb) / (length / timedelta(days=1)))


def _chain_badge(chain: Chain) -> ChainBadge:
    """Any member can be restored by itself, so a missing one is no alarm."""
    members = [member for member in chain.members if not member.gone]
    if not members:
        return ChainBadge("gone", "mute", "g-gone")
    if all(member.status in FAILED for member in members):
        return ChainBadge("nothing good in it", "fail", "g-fail")
    if members[-1].status == "error":
        return ChainBadge("the newest failed", "warn", "g-late")
    if all(member.kind == "unknown" for member in members):
        return ChainBadge("kind unknown", "unk", "g-unknown")
    if chain.start_tracked:
        return ChainBadge("complete", "ok", "g-ok")
    return ChainBadge("start not tracked", "mute", "g-ok")


def _day(at: date | datetime) -> str:
    return f"{at.day} {at:%b}"
