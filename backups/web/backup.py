"""One backup: verdict, progress, reason and advice, its chain, facts, what changed, note and tags,
the last answer.
"""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from backups.analysis.causes import explain
from backups.analysis.running import NO_PACE, Pace, RunningBackup, pace
from backups.clouds import registry
from backups.edits import backup_edits
from backups.edits.backup_edits import BackupFields, UnknownBackup
from backups.edits.common import Actor, BadValue, Conflict
from backups.models import Backup, Body, Cloud, Edit, Volume
from backups.reports.history import history
from backups.reports.volumes import VolumeState, volume_states
from backups.web import status
from backups.web.facts import Link, groups
from backups.web.live import Live
from backups.web.page_form import PageForm
from backups.web.verdict import verdict

ALL = (*(field.name for field in Backup._meta.concrete_fields), "tracking_state")
AROUND = 3  # chains in the strip: its own and its neighbours


_PLAIN = re.compile(
    r"[!-\[\]-~]+"
)  # what an address is written with: ASCII, no blank, no backslash


class LabelForm(PageForm):
    undrawn = ("version",)
    long = ("note", "tags")

    note = forms.CharField(required=False)
    tags = forms.CharField(required=False)
    version = forms.IntegerField(required=False)

    def save(self, backup_id: uuid.UUID, actor: Actor) -> bool:
        """Raises UnknownBackup and Conflict. False: the errors say what is wrong."""
        if not self.is_valid():
            return False
        given = self.cleaned_data
        fields: BackupFields = {
            "note": given["note"].strip(),
            "tags": given["tags"].replace("\n", ",").split(","),
        }
        try:
            backup_edits.change(backup_id, fields, actor=actor, version=given["version"])
        except BadValue as e:
            self.add_error(e.field if e.field in self.fields else None, str(e))
            return False
        return True


@dataclass(frozen=True)
class Running:
    """A backup in flight: since when, how fast, when it may be done."""

    since: datetime | None
    pace: Pace
    stuck: bool


@require_safe
def backup(request: HttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    return _page(request, backup_id, None, None)


@require_POST
def set_labels(request: HttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    """Note and tags. What somebody else saved meanwhile is said, and what was typed stays."""
    form = LabelForm(request.POST)
    try:
        if form.save(backup_id, Actor(request.user.get_username(), timezone.now())):
            messages.success(request, "Saved.")
            return redirect("backup", backup_id)
    except UnknownBackup:
        return not_tracked(request, backup_id)
    except Conflict as e:
        return _page(request, backup_id, form, e)
    return _page(request, backup_id, form, None)


def not_tracked(request: HttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    return render(request, "backups/not_tracked.html", {"id": str(backup_id)}, status=404)


def _page(
    request: HttpRequest, backup_id: uuid.UUID, form: LabelForm | None, conflict: Conflict | None
) -> HttpResponse:
    now = timezone.now()
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    row = (
        Backup.objects.with_tracking_state(now)
        .filter(pk=backup_id)
        .values(*ALL, "cloud__error")
        .first()
    )
    if row is None:
        return not_tracked(request, backup_id)
    moving = status.is_moving(status=row["status"], tracking_state=row["tracking_state"])
    body = Body.objects.filter(pk=backup_id).first()
    volume = _volume(row, now)
    context = {
        "now": now,
        "etag": live.etag,
        "row": row,
        "say": verdict(row, now),
        "told": explain(status=row["status"], reason=row["fail_reason"]),
        "same": _same_cause(row),
        "groups": groups(row, _links(row["cloud"], row["links"])),
        "running_now": moving and row["tracking_state"] == "fresh",
        "running": _running(row, now),
        "volume": volume,
        "chains": _chains(volume, backup_id),
        "chain_known": row["tracking_state"] != "stale",
        "stuck": status.STUCK,
        "history": history(backup_id),
        "edited": Edit.objects.filter(backup=backup_id).order_by("-id").first(),
        "every": 3 if moving else 30,
        "configured": row["cloud"] in registry.configured(),
        "body": body,
        "raw": _formatted(body.text) if body else "",
        "form": form,
        "conflict": conflict,
    }
    return render(
        request, "backups/backup.html", context, status=409 if conflict else 400 if form else 200
    )


def _volume(row: Mapping[str, Any], now: datetime) -> VolumeState | None:
    """The disk that it is of, with its chains; two queries."""
    found = volume_states(
        Volume.objects.filter(cloud=row["cloud"], volume_id=row["volume_id"] or ""), now
    )
    return found[0] if found else None


def _chains(volume: VolumeState | None, backup_id: uuid.UUID) -> list[Any]:
    """Its own chain between its neighbours, oldest first."""
    several = [chain.members for chain in volume.chains] if volume else []
    at = next(
        (n for n, members in enumerate(several) if any(one.id == backup_id for one in members)),
        None,
    )
    return [] if at is None else several[max(0, at - AROUND + 2) : at + 2]


def _same_cause(row: Mapping[str, Any]) -> int:
    """How many other backups have the same cause now."""
    if row["cause"] is None:
        return 0
    return Backup.objects.filter(cause=row["cause"], gone_at=None).exclude(pk=row["id"]).count()


def _running(row: Mapping[str, Any], now: datetime) -> Running:
    flight = RunningBackup.of_json(row["running"])
    stuck = row["stuck_at"] is not None and row["stuck_at"] <= now
    return Running(
        flight.since if flight else row["created_at"],
        pace(flight, now) if flight else NO_PACE,
        stuck,
    )


def _formatted(text: str) -> str:
    """The body for reading; a lone surrogate, which is JSON but no UTF-8, stays an escape."""
    formatted = json.dumps({"backup": json.loads(text)}, indent=2, ensure_ascii=False)
    return formatted.encode("utf-8", "backslashreplace").decode()


def _links(cloud: str, links: list[dict[str, str]]) -> list[Link]:
    """A link can be followed only when it leads to the host of the endpoint, configured or found;
    else it is text.
    """
    config = registry.configured().get(cloud)
    override = config.vbs_endpoint_override if config else None
    endpoint = override or Cloud.objects.filter(pk=cloud).values_list("endpoint", flat=True).first()
    host = urlsplit(endpoint).hostname if config and endpoint else None
    return [
        Link(str(one.get("rel", "")), str(one.get("href", "")), _leads_to(one, host))
        for one in links
    ]


def _leads_to(link: dict[str, str], host: str | None) -> bool:
    """Is it an address on that host, for browsers too? They read a backslash as a slash, and skip
    some characters.
    """
    href = str(link.get("href", ""))
    if host is None or not _PLAIN.fullmatch(href):
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
