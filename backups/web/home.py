"""Home: one sentence, what needs attention, what is in flight, then the numbers; each links to the
list behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from backups.reports.attention import AttentionItem
from backups.reports.running_backups import RunningState
from backups.reports.summary import Summary, summary
from backups.vbs.statuses import IN_FLIGHT
from backups.web import status
from backups.web.clouds import shown
from backups.web.context import note_attention
from backups.web.live import Live
from backups.web.status import Badge
from backups.web.volume_address import volume_url
from backups.web.zone import zone

RUNNING_SHOWN = 20
TODO_SHOWN = 30
LISTS = {"volume": "volumes", "backup": "backups"}


@dataclass(frozen=True)
class Tile:
    n: int
    query: str
    badge: Badge


@dataclass(frozen=True)
class Todo:
    """An item that needs attention, as shown."""

    item: AttentionItem
    badge: Badge
    href: str
    title: str


@dataclass(frozen=True)
class RunningCard:
    state: RunningState
    badge: Badge


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    found = summary(now, zone(request))
    clouds = shown(now, brief=True)
    asked = [one for one in clouds if one.state.configured]
    protection = found.volumes.by_protection
    todo = [_todo(item) for item in found.attention]
    page = {
        "now": now,
        "etag": live.etag,
        "summary": found,
        "total": found.volumes.total,
        "protected": protection.get("protected", 0),
        "by_protection": protection,
        "stale": found.backups.by_tracking_state.get("stale", 0),
        "pending": found.backups.by_tracking_state.get("pending", 0),
        "newest": max(
            (one.state.last_good_at for one in clouds if one.state.last_good_at), default=None
        ),
        "todo": todo[:TODO_SHOWN],
        "todo_n": len(todo),
        "attention_n": note_attention(len(todo)),
        "running_now": [_running_card(one) for one in found.running_backups[:RUNNING_SHOWN]],
        "running_query": query(status=list(IN_FLIGHT), tracking_state="fresh"),
        "tiles": tiles(found),
        "clouds": clouds,
        "asked": asked,
        "answering": sum(one.badge.tone == "ok" for one in asked),
        "silent": [one for one in asked if one.badge.tone == "fail"],
        "mark": _mark(todo, found),
        "every": 3
        if found.running_backups or found.backups.by_tracking_state.get("pending")
        else 30,
        "stored": _stored(found),
        "outcome_sums": {
            word: sum(getattr(day, word) for day in found.outcomes_by_day)
            for word in ("good", "failed", "missed")
        },
    }
    return render(request, "backups/home.html", page)


def tiles(found: Summary) -> list[Tile]:
    """A tile's number equals the row count of the list that it links to."""
    counts, states = found.backups.by_status, found.backups.by_tracking_state
    known = list(status.STATUSES)
    words = sorted(
        counts, key=lambda word: (known.index(word) if word in known else len(known), word)
    )
    tiles = [
        Tile(counts[word], query(status=word), status.of_status(word))
        for word in words
        if word != "null" and counts[word]
    ]
    if (n := counts.get("null", 0)) > states.get("pending", 0):
        tiles.append(Tile(n, query(status="null"), status.of_status(None)))
    more = [(state, states.get(state, 0)) for state in ("pending", "stale", "gone")]
    return tiles + [
        Tile(n, query(tracking_state=state), status.TRACKING_STATES[state])
        for state, n in more
        if n
    ]


def query(**words: str | list[str]) -> str:
    return urlencode(words, doseq=True)


def _todo(item: AttentionItem) -> Todo:
    """Several alike are one item, which leads to their list; one leads to its own page."""
    badge = status.ATTENTION[item.state]
    title = item.title[:8] if item.what != "cloud" and item.title == item.id else item.title
    if item.what == "cloud" and item.state == "unreachable":
        return Todo(item, badge, f"{reverse('clouds')}#c-{item.id}", title)
    if item.query:
        page = "volumes" if item.state in status.PROTECTION else "backups"
        return Todo(item, badge, f"{reverse(page)}?{item.query}", title)
    if item.what == "volume":
        return Todo(item, badge, volume_url(item.cloud, item.id) or reverse("volumes"), title)
    return Todo(item, badge, reverse("backup", args=[item.id]), title)


def _running_card(state: RunningState) -> RunningCard:
    if state.stuck_at is not None:
        return RunningCard(state, status.stuck(state.progress))
    badge = status.of_status(state.status)
    return RunningCard(
        state, replace(badge, text=f"{badge.text} {state.progress} %") if state.progress else badge
    )


def _stored(found: Summary) -> list[tuple[date, int | None]]:
    return [(point.day, point.mb) for point in found.growth.points]


def _mark(todo: Sequence[Todo], found: Summary) -> Badge:
    """The shape before the sentence: the worst of all."""
    if todo:
        return todo[0].badge
    states: dict[str, Any] = found.backups.by_tracking_state
    if states.get("stale") or found.volumes.by_protection.get("unknown"):
        return status.TRACKING_STATES["stale"]
    return (
        status.STATUSES["available"] if states.get("fresh") else status.TRACKING_STATES["pending"]
    )
