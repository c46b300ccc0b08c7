"""Go to: one field for an ID, a name, a cause, a page or an action, and few rows that answer.

The page works by itself; with JavaScript Ctrl-K opens it over any page (palette.js).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from backups.analysis.numbers import thousands
from backups.models import Access, Role
from backups.query.list_query import MAX_Q
from backups.reports.goto import CauseRow, Row, targets
from backups.shared.access import access_of
from backups.vbs.folding import fold
from backups.web import status
from backups.web.htmx import HtmxHttpRequest, varies_by_fragment, wants_fragment
from backups.web.status import Badge
from backups.web.volume_url import volume_url

PAGES_SHOWN = 6  # of those that fit a text; without any text all of them


@dataclass(frozen=True)
class Target:
    """A row: where it leads, what it is called, and what tells it from its like."""

    href: str
    title: str
    more: str = ""
    badge: Badge | None = None


@dataclass(frozen=True)
class Group:
    name: str
    rows: Sequence[Target]


@dataclass(frozen=True)
class Place:
    """A page or an action; `words` are others that people call it. `query` follows its address."""

    title: str
    url_name: str
    words: str = ""
    query: str = ""
    role: Role = Role.VIEWER


PLACES = (
    Place("Home", "home", "start overview attention dashboard"),
    Place("Alarms", "alarms", "acknowledge incidents open muted notifications"),
    Place("Silences and quiet hours", "alarms", "snooze mute", "#silences"),
    Place("Begin a maintenance", "alarms", "silence mute window quiet hours", "#maintenance",
          role=Role.OPERATOR),
    Place("What was sent to whom", "deliveries", "deliveries log notifications channels"),
    Place("Backups", "backups", "list all", "?view=all"),
    Place("Failed backups", "backups", "errors failed", "?status=error&status=error_deleting"
          "&status=error_restoring&tracking_state=fresh"),
    Place("Backups in flight", "backups", "running creating restoring progress",
          "?status=creating&status=restoring&status=deleting&tracking_state=fresh"),
    Place("Disks", "volumes", "volumes protection grid"),
    Place("Overdue disks", "volumes", "unprotected never",
          "?protection=overdue&protection=never"),
    Place("Policies", "policies", "schedule plan runs retention promised skipped next"),
    Place("Migration to CBR", "migration", "move vbs vault moved successor"),
    Place("Disks in no schedule", "volumes", "policy unscheduled without", "?schedule=none"),
    Place("Failures", "failures", "causes errors reasons"),
    Place("Clouds", "clouds", "connection quota budget projects"),
    Place("Growth and quotas", "growing", "chains storage capacity"),
    Place("Rules of tags and clouds", "rules", "cron period schedule policy"),
    Place("Add backups", "add", "track paste import", role=Role.OPERATOR),
    Place("Discover what a cloud lists", "discover", "add find track", role=Role.OPERATOR),
    Place("Register a disk", "rules", "add volume", "#register", role=Role.OPERATOR),
    Place("Test the connection to a cloud", "clouds", "tls sign-in", role=Role.OPERATOR),
    Place("Account and tokens", "account", "settings theme time zone password"),
    Place("Make an API token", "account", "key script", "#tokens"),
    Place("Keys, and how to switch them off", "account", "keyboard shortcuts", "#keys"),
    Place("JSON API", "docs", "swagger openapi documentation"),
    Place("Users", "users", "accounts roles", role=Role.ADMIN),
    Place("Make an account", "user_add", "new user", role=Role.ADMIN),
    Place("Who did what", "audit", "audit record log history", role=Role.ADMIN),
)  # fmt: skip


@require_safe
@varies_by_fragment
def goto(request: HtmxHttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").replace("\x00", "").strip()[:MAX_Q]
    page = {"q": text, "groups": _groups(text, timezone.now(), access_of(request))}
    template = "partials/_goto_rows.html" if wants_fragment(request) else "goto.html"
    return render(request, f"backups/{template}", page)


def _groups(text: str, now: datetime, access: Access) -> list[Group]:
    """Returns what fits the text, pages first; pages alone where none of it can be seen."""
    groups = [Group("Pages and actions", _places(text, access))]
    if fold(text):
        rows = targets(text, now, access=access)
        groups += [
            Group("Backups", [_backup(row, now) for row in rows.backups]),
            Group("Disks", [_volume(row) for row in rows.volumes]),
            Group("Causes", [_cause(row) for row in rows.causes]),
            Group("Clouds", [_cloud(name) for name in rows.clouds]),
        ]
        if rows.unknown_id is not None and access.may(Role.OPERATOR):
            query = urlencode({"backup_ids": str(rows.unknown_id)})
            adding = Target(
                f"{reverse('add')}?{query}", f"Add {rows.unknown_id}", "It is not tracked"
            )
            groups.append(Group("Not here yet", [adding]))
    return [group for group in groups if group.rows]


def _places(text: str, access: Access) -> list[Target]:
    searched = fold(text)
    rows = []
    for place in PLACES:
        is_meant = searched in fold(f"{place.title} {place.words}")
        if is_meant and access.may(place.role):
            rows.append(Target(f"{reverse(place.url_name)}{place.query}", place.title))
    return rows[:PAGES_SHOWN] if searched else rows


def _backup(row: Row, now: datetime) -> Target:
    stuck_at = row["stuck_at"]
    badge = status.of_backup(
        status=row["status"],
        tracking_state=row["tracking_state"],
        progress=row["progress"],
        is_stuck=stuck_at is not None and stuck_at <= now,
    )
    more = f"{row['id']} · {row['cloud']}"
    return Target(reverse("backup", args=(row["id"],)), row["name"] or "no name", more, badge)


def _volume(row: Row) -> Target:
    title = row["label"] or row["name"] or row["volume_id"]
    href = volume_url(row["cloud"], row["volume_id"]) or reverse("volumes")
    more = f"{row['volume_id']} · {row['cloud']}"
    return Target(href, title, more, status.PROTECTION[row["protection"]])


def _cause(row: CauseRow) -> Target:
    backups = "backup" if row.count == 1 else "backups"
    parts = [f"{thousands(row.count)} {backups}", row.code, row.text]
    more = " · ".join(part for part in parts if part)
    return Target(f"{reverse('backups')}?{urlencode({'cause': row.key})}", row.title, more)


def _cloud(name: str) -> Target:
    return Target(f"{reverse('clouds')}#c-{name}", name)
