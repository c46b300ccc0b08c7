"""Home: one sentence, what needs attention, what is in flight, then the numbers; each links to the
list behind it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from backups.reports.attention import AttentionItem
from backups.reports.running_backups import RunningState
from backups.reports.summary import Summary, summary
from backups.shared.access import access_of
from backups.vbs.statuses import IN_FLIGHT
from backups.web import status
from backups.web.clouds import answers_of, cloud_cards
from backups.web.context import note_attention
from backups.web.htmx import HtmxHttpRequest
from backups.web.live import POLL_MOVING_S, POLL_S, Live
from backups.web.status import Badge
from backups.web.time_zone import zone
from backups.web.volume_url import volume_url

RUNNING_SHOWN = 20
ATTENTION_SHOWN = 30
LENGTH_OF_SHORT_ID = 8


@dataclass(frozen=True)
class Tile:
    n: int
    query: str
    badge: Badge


@dataclass(frozen=True)
class AttentionRow:
    """An item that needs attention, as shown."""

    item: AttentionItem
    badge: Badge
    href: str
    title: str


@dataclass(frozen=True)
class RunningRow:
    state: RunningState
    badge: Badge


@require_safe
def home(request: HtmxHttpRequest) -> HttpResponse:
    now = timezone.now()
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    access = access_of(request)
    numbers = summary(now, zone(request), access=access)
    clouds = cloud_cards(now, access=access, brief=True)
    answers = answers_of(clouds)
    answered_at = [cloud.state.last_good_at for cloud in clouds if cloud.state.last_good_at]
    by_protection = numbers.volumes.by_protection
    by_tracking_state = numbers.backups.by_tracking_state
    attention = [_attention_row(item) for item in numbers.attention]
    is_moving = bool(numbers.running_backups or by_tracking_state.get("pending"))
    page = {
        "now": now,
        "etag": live.etag,
        "summary": numbers,
        "total": numbers.volumes.total,
        "protected": by_protection.get("protected", 0),
        "by_protection": by_protection,
        "stale": by_tracking_state.get("stale", 0),
        "pending": by_tracking_state.get("pending", 0),
        "newest": max(answered_at, default=None),
        "attention_rows": attention[:ATTENTION_SHOWN],
        "attention_total": len(attention),
        "attention_n": note_attention(len(attention), access),
        "running_now": [_running_row(state) for state in numbers.running_backups[:RUNNING_SHOWN]],
        "running_query": _query(status=list(IN_FLIGHT), tracking_state="fresh"),
        "tiles": _tiles(numbers),
        "clouds": clouds,
        "configured_clouds": answers.configured,
        "answering": answers.answering,
        "silent": answers.silent,
        "mark": _mark(attention, numbers),
        "every": POLL_MOVING_S if is_moving else POLL_S,
        "stored": [(point.day, point.mb) for point in numbers.growth.points],
        "outcome_sums": _outcome_sums(numbers),
    }
    return render(request, "backups/home.html", page)


def _tiles(numbers: Summary) -> list[Tile]:
    """Returns the counts by status. A tile's number equals the row count of the list
    that it links to.
    """
    by_status = numbers.backups.by_status
    by_tracking_state = numbers.backups.by_tracking_state
    # Those that the documents name stand in their order, then the others by name.
    names = [*status.STATUSES, *sorted(set(by_status) - set(status.STATUSES) - {"null"})]
    tiles = []
    for name in names:
        count = by_status.get(name, 0)
        if count:
            tiles.append(Tile(count, _query(status=name), status.of_status(name)))
    without_status = by_status.get("null", 0)
    # Those without any answer have a tile of their own.
    if without_status > by_tracking_state.get("pending", 0):
        tiles.append(Tile(without_status, _query(status="null"), status.of_status(None)))
    for state in ("pending", "stale", "gone"):
        count = by_tracking_state.get(state, 0)
        if count:
            query = _query(tracking_state=state)
            tiles.append(Tile(count, query, status.TRACKING_STATES[state]))
    return tiles


def _outcome_sums(numbers: Summary) -> Counter[str]:
    sums: Counter[str] = Counter()
    for day in numbers.outcomes_by_day:
        sums.update(good=day.good, failed=day.failed, missed=day.missed)
    return sums


def _query(**filters: str | list[str]) -> str:
    return urlencode(filters, doseq=True)


def _attention_row(item: AttentionItem) -> AttentionRow:
    title = item.title
    if item.what != "cloud" and item.title == item.id:
        title = item.title[:LENGTH_OF_SHORT_ID]
    return AttentionRow(item, status.ATTENTION[item.state], _attention_url(item), title)


def _attention_url(item: AttentionItem) -> str:
    """Several alike are one item, which leads to their list; one leads to its own page."""
    if item.what == "cloud" and item.state == "unreachable":
        return f"{reverse('clouds')}#c-{item.id}"
    if item.query:
        page = "volumes" if item.state in status.PROTECTION else "backups"
        return f"{reverse(page)}?{item.query}"
    if item.what == "volume":
        return volume_url(item.cloud, item.id) or reverse("volumes")
    return reverse("backup", args=[item.id])


def _running_row(state: RunningState) -> RunningRow:
    if state.stuck_at is not None:
        return RunningRow(state, status.stuck(state.progress))
    badge = status.of_status(state.status)
    if state.progress:
        badge = replace(badge, text=f"{badge.text} {state.progress} %")
    return RunningRow(state, badge)


def _mark(attention: Sequence[AttentionRow], numbers: Summary) -> Badge:
    """Returns the shape before the sentence: the worst of all."""
    if attention:
        return attention[0].badge
    by_tracking_state = numbers.backups.by_tracking_state
    if by_tracking_state.get("stale") or numbers.volumes.by_protection.get("unknown"):
        return status.TRACKING_STATES["stale"]
    if by_tracking_state.get("fresh"):
        return status.STATUSES["available"]
    return status.TRACKING_STATES["pending"]
