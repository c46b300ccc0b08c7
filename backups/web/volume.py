"""One disk: is it safe, by which rule, day by day, its chains, and what operators set on it."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from backups import tasks
from backups.analysis.chains import Chain, Member
from backups.analysis.days import last_days
from backups.edits import tracking
from backups.edits.common import Actor, Conflict
from backups.edits.volume_edits import UnknownVolume
from backups.models import Backup
from backups.reports.volumes import volume_detail
from backups.vbs.statuses import FAILED, IN_FLIGHT
from backups.web.charts import chain as strips
from backups.web.live import Live
from backups.web.volume_forms import Many, VolumeForm
from backups.web.volume_words import advice, sentence, volume_of
from backups.web.zone import zone

NEWEST = 5
CHAINS = 12  # on the page at once; the rest is a press away
ROW = (
    *(
        "id",
        "status",
        "tracking_state",
        "progress",
        "name",
        "kind",
        "kind_conflict",
        "chain_size_mb",
        "created_at",
    ),
    *("refreshed_at", "fail_reason"),
)


@dataclass(frozen=True)
class ChainRow:
    """`span` names it by its days; `state` says what it is good for."""

    chain: Chain
    members: tuple[tuple[Member, ...], ...]  # as a strip takes them: one chain
    span: str
    counted: str
    grown: int | None  # MB a day
    word: str
    tone: str
    glyph: str


@require_safe
def volume(request: HttpRequest, cloud: str, volume_id: str) -> HttpResponse:
    return _page(request, cloud, volume_id, None, None)


@require_POST
def set_one(request: HttpRequest, cloud: str, volume_id: str) -> HttpResponse:
    """What somebody else changed meanwhile is said, and what was typed stays."""
    form = VolumeForm(request.POST)
    version = form.cleaned_data.get("version") if form.is_valid() else None
    many = Many(
        [(cloud, volume_id)],
        Actor(request.user.get_username(), timezone.now()),
        version,
        zone(request),
    )
    try:
        if form.change(many) is not None:
            messages.success(request, "Saved.")
            return redirect("volume", cloud, volume_id)
    except UnknownVolume:
        return _unknown(request, cloud, volume_id)
    except Conflict as e:
        return _page(request, cloud, volume_id, form, e)
    return _page(request, cloud, volume_id, form, None)


@require_POST
def refresh(request: HttpRequest, cloud: str, volume_id: str) -> HttpResponse:
    """Ask the cloud about every tracked backup of a disk now."""
    ids = [
        str(pk)
        for pk in Backup.objects.filter(cloud=cloud, volume_id=volume_id).values_list(
            "pk", flat=True
        )
    ]
    tracking.refresh_now(ids, timezone.now())
    tasks.refresh_soon(ids)
    messages.success(
        request,
        f"The cloud is being asked about {len(ids):,} backup{'s' if len(ids) != 1 else ''} now.",
    )
    return redirect("volume", cloud, volume_id)


def _page(
    request: HttpRequest,
    cloud: str,
    volume_id: str,
    form: VolumeForm | None,
    conflict: Conflict | None,
) -> HttpResponse:
    now = timezone.now()
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    state = volume_detail(cloud, volume_id, now)
    if state is None:
        return _unknown(request, cloud, volume_id)
    here = zone(request)
    days = last_days(now, here)
    rows: Any = Backup.objects.filter(cloud=cloud, volume_id=volume_id).with_tracking_state(now)
    moving = any(
        member.status in IN_FLIGHT for chain in state.chains for member in chain.members[-1:]
    )
    context = {
        "now": now,
        "etag": live.etag,
        "volume": volume_of(state, days, here, now),
        "state": state,
        "days": days,
        "say": sentence(state, now),
        "next": advice(state),
        "chains": [
            _chain_row(chain, newest=not at) for at, chain in enumerate(reversed(state.chains))
        ][:CHAINS],
        "chains_n": len(state.chains),
        "newest": list(rows.newest_first().values(*ROW)[:NEWEST]),
        "stored": [(point.day, point.mb) for point in state.growth.points],
        "hours": {
            "period": _hours(state.rule["period_seconds"]),
            "grace": _hours(state.rule["grace_seconds"]),
        },
        "follow_set": {True: "yes", False: "no", None: "cloud"}[state.follow_set],
        "form": form,
        "conflict": conflict,
        "what": form.data.get("what") if form else "",
        "zone": here,
        "every": 3 if moving else 30,
    }
    return render(
        request, "backups/volume.html", context, status=409 if conflict else 400 if form else 200
    )


def _unknown(request: HttpRequest, cloud: str, volume_id: str) -> HttpResponse:
    page = {"cloud": cloud, "volume_id": volume_id}
    return render(request, "backups/not_known_volume.html", page, status=404)


def _chain_row(chain: Chain, *, newest: bool) -> ChainRow:
    first, last = chain.members[0].at, chain.members[-1].at
    badge = _chain_badge(chain)
    sizes = [
        (member.at, member.chain_size_mb)
        for member in chain.members
        if member.chain_size_mb is not None
    ]
    grown = None
    if len(sizes) > 2 and (sizes[-1][0] - sizes[0][0]).days:
        grown = round(
            (sizes[-1][1] - sizes[0][1]) / ((sizes[-1][0] - sizes[0][0]).total_seconds() / 86_400)
        )
    span = f"since {_day(first)}" if newest else f"{_day(first)} – {_day(last)}"
    span = _day(first) if not newest and first.date() == last.date() else span
    return ChainRow(chain, (chain.members,), span, strips.summary(chain.members), grown, *badge)


def _chain_badge(chain: Chain) -> tuple[str, str, str]:
    """Word, tone and shape. Any member can be restored by itself, so a missing one is no alarm."""
    there = [member for member in chain.members if not member.gone]
    if not there:
        return "gone", "mute", "g-gone"
    if all(member.status in FAILED for member in there):
        return "nothing good in it", "fail", "g-fail"
    if there[-1].status == "error":
        return "the newest failed", "warn", "g-late"
    if all(member.kind == "unknown" for member in there):
        return "kind unknown", "unk", "g-unknown"
    return (
        ("complete", "ok", "g-ok") if chain.start_tracked else ("start not tracked", "mute", "g-ok")
    )


def _hours(seconds: int) -> str:
    return f"{seconds / 3600:g}"


def _day(at: Any) -> str:
    return f"{at.day} {at:%b}"
