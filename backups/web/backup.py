"""One backup: verdict, progress, reason and advice, its chain, facts, what changed, note and tags,
the last answer.
"""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from backups import tasks
from backups.analysis.causes import explain
from backups.analysis.chains import Member
from backups.analysis.judgement import ASK_SUPPORT, STUCK
from backups.analysis.running import (
    NO_PACE,
    Pace,
    RunningBackup,
    Slowness,
    pace,
    slowness,
)
from backups.clouds import registry
from backups.edits import backup_edits, tracking
from backups.edits.backup_edits import BackupFields, UnknownBackup
from backups.edits.common import Actor, BadValue, Conflict
from backups.models import Access, Role
from backups.reports import audit, trash
from backups.reports.backup_detail import (
    backup_row,
    count_with_cause,
    last_answer,
    last_edit,
)
from backups.reports.clouds import stored_endpoint
from backups.reports.history import history
from backups.reports.volume_pages import volume_state
from backups.reports.volumes import VolumeState
from backups.shared.access import access_of
from backups.web import asked, status
from backups.web.actor import actor
from backups.web.alarm_rows import alarms_as_shown, rows_of_backup
from backups.web.facts import Link, groups
from backups.web.htmx import HtmxHttpRequest
from backups.web.id_in_path import to_canonical
from backups.web.live import POLL_MOVING_S, POLL_S, Live
from backups.web.page_form import PageForm
from backups.web.untrack import untrack as to_trash
from backups.web.verdict import verdict
from backups.web.volume_row import as_shown

CHAINS_BEFORE = 1  # in the strip, before the backup's own chain
CHAINS_AFTER = 1
# What an address is written with: ASCII, no blank, no backslash.
_ADDRESS = re.compile(r"[!-\[\]-~]+")


class LabelForm(PageForm):
    undrawn = ("version",)
    long = ("note", "tags")

    note = forms.CharField(required=False)
    tags = forms.CharField(required=False)
    version = forms.IntegerField(required=False)

    def save(self, backup_id: uuid.UUID, actor: Actor) -> bool:
        """Writes note and tags; False when the errors say what is wrong.
        Raises UnknownBackup and Conflict.
        """
        if not self.is_valid():
            return False
        data = self.cleaned_data
        fields: BackupFields = {
            "note": data["note"].strip(),
            "tags": data["tags"].replace("\n", ",").split(","),
        }
        try:
            backup_edits.change(backup_id, fields, actor=actor, version=data["version"])
        except BadValue as e:
            self.add_error(e.field if e.field in self.fields else None, str(e))
            return False
        return True


@dataclass(frozen=True)
class Running:
    """A backup in flight: since when, how fast, when it may be done, and when it moved last."""

    since: datetime | None
    pace: Pace
    stuck: bool
    moved_at: datetime | None = None
    slowness: Slowness | None = None


@require_safe
def backup(request: HtmxHttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    return _page(request, backup_id, None, None)


@require_POST
def set_labels(request: HtmxHttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    """Sets note and tags. What somebody else saved meanwhile is said, and what was typed stays."""
    form = LabelForm(request.POST)
    try:
        if form.save(backup_id, actor(request)):
            messages.success(request, "Saved.")
            return redirect("backup", backup_id)
    except UnknownBackup:
        return _not_tracked(request, backup_id)
    except Conflict as e:
        return _page(request, backup_id, form, e)
    return _page(request, backup_id, form, None)


@require_POST
def refresh(request: HttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    """Asks the cloud about one backup now."""
    ids = [str(backup_id)]
    now = timezone.now()
    if not tracking.refresh_now(ids, now, access_of(request)):
        return _not_tracked(request, backup_id)
    tasks.refresh_soon(ids)
    asked.follow(request, asked.of_backup(backup_id), ids, total=1, at=now)
    return redirect("backup", backup_id)


@require_POST
def untrack(request: HttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    """Puts one backup into the trash."""
    count, undo = to_trash(request, [str(backup_id)])
    if not count:
        return _not_tracked(request, backup_id)
    messages.success(
        request, f"{backup_id} is in the trash. Nothing was changed in the cloud.", extra_tags=undo
    )
    return redirect("backups")


def _not_tracked(request: HttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    access = access_of(request)
    kept = None
    if access.may(Role.OPERATOR):
        kept = trash.of_backup(backup_id, access=access)
    page = {"id": str(backup_id), "kept": kept}
    return render(request, "backups/not_tracked.html", page, status=404)


def _page(
    request: HtmxHttpRequest,
    backup_id: uuid.UUID,
    form: LabelForm | None,
    conflict: Conflict | None,
) -> HttpResponse:
    now = timezone.now()
    last_asked = asked.asked(request, asked.of_backup(backup_id), now)
    live = Live(request, now, last_asked)
    if live.answer is not None:
        return live.answer
    access = access_of(request)
    row = backup_row(backup_id, now, access=access)
    if row is None:
        return _not_tracked(request, backup_id)
    elsewhere = to_canonical(request, reverse("backup", args=(backup_id,)))
    if elsewhere is not None:
        return elsewhere
    is_moving = status.is_moving(status=row["status"], tracking_state=row["tracking_state"])
    body = last_answer(backup_id, access=access)
    volume = volume_state(row["cloud"], row["volume_id"] or "", now, access=access)
    same = 0
    if row["cause"] is not None:
        same = count_with_cause(row["cause"], access=access)
    alarms = rows_of_backup(row["cloud"], backup_id, now, access=access)
    context = {
        "now": now,
        "asked": last_asked,
        "row": row,
        "verdict": verdict(row, now),
        "explanation": explain(status=row["status"], reason=row["fail_reason"]),
        "ask_support": ASK_SUPPORT,
        "next_of_stuck": STUCK,
        "same": same,
        "groups": groups(row, _links(row["cloud"], row["links"], access)),
        "running_now": is_moving and row["tracking_state"] == "fresh",
        "running": _running(row, now),
        "volume": volume,
        "chains": _chains_around(volume, backup_id) if volume else [],
        "chain_known": row["tracking_state"] != "stale",
        "stuck": status.STUCK,
        "history": history(backup_id, access=access),
        "edited": last_edit(backup_id, access=access),
        "acts": audit.of_backup(backup_id, row["cloud"], access=access),
        "alarms": alarms,
        "every": POLL_MOVING_S if is_moving or asked.is_followed(last_asked) else POLL_S,
        "configured": row["cloud"] in registry.configured(),
        "body": body,
        "raw": _formatted(body.text) if body else "",
        "form": form,
        "conflict": conflict,
    }
    http_status = 200
    if conflict:
        http_status = 409
    elif form:
        http_status = 400
    shown = {
        **context,
        "volume": as_shown(volume) if volume else None,
        "alarms": alarms_as_shown(alarms),
    }
    return live.render("backups/backup.html", context, status=http_status, shown=shown)


def _chains_around(volume: VolumeState, backup_id: uuid.UUID) -> Sequence[Sequence[Member]]:
    """Returns the backup's own chain between its neighbours, oldest first."""
    chains = [chain.members for chain in volume.chains]
    for number, members in enumerate(chains):
        if any(member.id == backup_id for member in members):
            first = max(0, number - CHAINS_BEFORE)
            return chains[first : number + CHAINS_AFTER + 1]
    return []


def _running(row: Mapping[str, Any], now: datetime) -> Running:
    observed = RunningBackup.of_json(row["running"])
    is_stuck = row["stuck_at"] is not None and row["stuck_at"] <= now
    if observed is None:
        return Running(row["created_at"], NO_PACE, is_stuck)
    return Running(
        since=observed.since,
        pace=pace(observed, now),
        stuck=is_stuck,
        moved_at=observed.moved_at,
        slowness=None if is_stuck else slowness(observed),
    )


def _formatted(text: str) -> str:
    """Returns the body for reading; a lone surrogate, which is JSON but no
    UTF-8, stays an escape.
    """
    formatted = json.dumps({"backup": json.loads(text)}, indent=2, ensure_ascii=False)
    return formatted.encode("utf-8", "backslashreplace").decode()


def _links(cloud: str, links: Sequence[Mapping[str, str]], access: Access) -> list[Link]:
    """A link can be followed only when it leads to the host of the endpoint, configured or found;
    else it is text.
    """
    host = _endpoint_host(cloud, access)
    result = []
    for link in links:
        href = str(link.get("href", ""))
        result.append(Link(str(link.get("rel", "")), href, _leads_to(href, host)))
    return result


def _endpoint_host(cloud: str, access: Access) -> str | None:
    config = registry.configured().get(cloud)
    if config is None:
        return None
    endpoint = config.vbs_endpoint_override or stored_endpoint(cloud, access=access)
    return urlsplit(endpoint).hostname if endpoint else None


def _leads_to(href: str, host: str | None) -> bool:
    """Is it an address on that host, for browsers too? They read a backslash as a slash,
    and skip some characters.
    """
    if host is None or not _ADDRESS.fullmatch(href):
        return False
    try:
        parts = urlsplit(href)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        has_port
        and parts.scheme in ("http", "https")
        and parts.hostname == host
        and "@" not in parts.netloc
    )
