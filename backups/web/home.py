"""Home: one sentence, what needs attention, what is in flight, then the numbers; each links to the
list behind it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from backups.analysis.calendar import last_days
from backups.analysis.facts import OUTCOMES
from backups.analysis.incidents import Incident, newest_first
from backups.reports.alarms import Alarms, IncidentAlarms
from backups.reports.coming import coming
from backups.reports.last_runs import LastRuns, last_runs
from backups.reports.running_backups import RunningState
from backups.reports.summary import DAYS, Summary, summary
from backups.shared.access import access_of
from backups.web import status
from backups.web.alarm_rows import incident_words
from backups.web.clouds import answers_of, cloud_cards
from backups.web.coming_rows import coming_row
from backups.web.context import note_attention
from backups.web.htmx import HtmxHttpRequest
from backups.web.live import POLL_MOVING_S, POLL_S, Live, to_the_minute
from backups.web.status import Badge
from backups.web.time_zone import zone
from backups.web.volume_url import volume_url

RUNNING_SHOWN = 20
COMING_SHOWN = 6  # the page of policies has them all
INCIDENTS_SHOWN = 30
NEWEST = "newest"  # of `?incidents=`; the worst stand first otherwise


@dataclass(frozen=True)
class Tile:
    n: int
    query: str
    badge: Badge


@dataclass(frozen=True)
class IncidentRow:
    """An incident as shown. `href` leads to the one thing that it is about, or to the list of
    exactly those; `backups_href` to the backups that failed, where it is about disks. `done`: what
    has been done about its `alarms`.
    """

    incident: Incident
    badge: Badge
    href: str
    backups_href: str
    alarms: IncidentAlarms
    done: str

    @property
    def may_snooze(self) -> bool:
        return bool(self.alarms.stages.get("open") or self.alarms.stages.get("pending"))


@dataclass(frozen=True)
class RunningRow:
    state: RunningState
    badge: Badge


@require_safe
def home(request: HtmxHttpRequest) -> HttpResponse:
    order = request.GET.get("incidents", "")
    if order not in ("", NEWEST):
        sentence = f"cannot be “{order[:80]}”. It can be: {NEWEST}."
        refusal = {"problems": {"incidents": sentence}, "list_url": request.path}
        return render(request, "backups/bad_filter.html", refusal, status=400)
    now = timezone.now()
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    access = access_of(request)
    numbers = summary(now, zone(request), access=access, versions=live.versions)
    newest_runs = last_runs(now, access=access, versions=live.versions)
    events = coming(now, access=access, versions=live.versions)
    clouds = cloud_cards(now, access=access, brief=True, versions=live.versions)
    answers = answers_of(clouds)
    answered_at = [cloud.state.last_good_at for cloud in clouds if cloud.state.last_good_at]
    by_protection = numbers.volumes.by_protection
    by_tracking_state = numbers.backups.by_tracking_state
    is_newest_first = order == NEWEST
    alarms = Alarms(now, access=access).by_incident(live.versions)
    incidents = [_incident_row(incident, alarms) for incident in numbers.incidents]
    shown = incidents
    if is_newest_first:
        shown = [_incident_row(incident, alarms) for incident in newest_first(numbers.incidents)]
    is_moving = bool(numbers.running_backups or by_tracking_state.get("pending"))
    page = {
        "now": now,
        "summary": numbers,
        "total": numbers.volumes.total,
        "protected": by_protection.get("protected", 0),
        "by_protection": by_protection,
        "stale": by_tracking_state.get("stale", 0),
        "pending": by_tracking_state.get("pending", 0),
        "newest": max(answered_at, default=None),
        "incidents": shown[:INCIDENTS_SHOWN],
        "worst": incidents[0] if incidents else None,
        "is_newest_first": is_newest_first,
        "incident_total": len(incidents),
        "new_total": sum(incident.new for incident in numbers.incidents),
        "attention_n": note_attention(len(incidents), access),
        "running_now": [_running_row(state) for state in numbers.running_backups[:RUNNING_SHOWN]],
        "running_query": _query(group="in_flight"),
        "tiles": _tiles(numbers),
        "coming": [coming_row(event) for event in events[:COMING_SHOWN]],
        "coming_total": len(events),
        **_plan_tiles(newest_runs),
        "clouds": clouds,
        "configured_clouds": answers.configured,
        "answering": answers.answering,
        "silent": answers.silent,
        "ended": answers.ended,
        "mark": _mark(incidents, numbers),
        "every": POLL_MOVING_S if is_moving else POLL_S,
        "stored": [(point.day, point.mb) for point in numbers.growth.points],
        "outcome_sums": _outcome_sums(numbers),
        "outcome_queries": _outcome_queries(now, zone(request)),
    }
    return live.render("backups/home.html", page, shown=_as_shown(page))


def _as_shown(page: Mapping[str, Any]) -> dict[str, Any]:
    """Tells to the minute when clouds and backups in flight last answered, and to ten percent how
    much of a budget is used: while a refresh runs, both change with every second. So what is known
    may look older by up to a minute than it is, and never newer.
    """
    clouds = []
    for card in page["clouds"]:
        used_percent = card.state.used_percent
        state = replace(
            card.state,
            last_good_at=to_the_minute(card.state.last_good_at),
            used_percent=None if used_percent is None else round(used_percent, -1),
            clock_ahead_seconds=None,
        )
        clouds.append(replace(card, state=state))
    running = []
    for row in page["running_now"]:
        state_of_row = replace(row.state, refreshed_at=to_the_minute(row.state.refreshed_at))
        running.append(replace(row, state=state_of_row))
    shown = {
        **page,
        "newest": to_the_minute(page["newest"]),
        "clouds": clouds,
        "running_now": running,
        # Without what stands beside it already.
        "summary": replace(page["summary"], as_of=None, running_backups=()),
    }
    for key in ("configured_clouds", "silent", "ended"):
        shown[key] = [card.state.name for card in page[key]]
    return shown


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


def _plan_tiles(newest_runs: LastRuns) -> dict[str, list[Tile]]:
    """Returns the counts of disks by what came of their newest promised runs, and by schedule. A
    tile's number equals the row count of the list that it links to.
    """
    if not newest_runs.is_anything_known:
        return {"runs": [], "schedules": []}
    since = f"{newest_runs.since:%Y-%m-%dT%H:%M:%SZ}"
    runs = []
    for outcome, count in newest_runs.by_outcome.items():
        query = _query(group="judged", last_run_outcome=outcome, last_run_at_after=since)
        runs.append(Tile(count, query, status.of_run(outcome)))
    schedules = []
    for word, badge in status.SCHEDULES.items():
        count = newest_runs.by_schedule.get(word, 0)
        if count:
            query = _query(group="judged", schedule=word)
            schedules.append(Tile(count, query, badge))
    return {"runs": runs, "schedules": schedules}


def _outcome_sums(numbers: Summary) -> Counter[str]:
    sums: Counter[str] = Counter()
    for day in numbers.outcomes_by_day:
        sums.update(good=day.good, failed=day.failed, missed=day.missed)
    return sums


def _outcome_queries(now: datetime, reader_zone: tzinfo) -> dict[str, str]:
    """Returns the lists of exactly the backups that the sums of good and failed ones count: what
    was missed is no backup.
    """
    begin = last_days(now, reader_zone, count=DAYS)[0].begin.astimezone(UTC)
    since = f"{begin:%Y-%m-%dT%H:%M:%SZ}"
    return {outcome: _query(outcome=outcome, made_at_after=since) for outcome in OUTCOMES}


def _query(**filters: str | list[str]) -> str:
    return urlencode(filters, doseq=True)


def _incident_row(incident: Incident, alarms: Mapping[str, IncidentAlarms]) -> IncidentRow:
    of_incident = alarms.get(incident.id, IncidentAlarms())
    backups_href = ""
    if incident.backups_query:
        backups_href = f"{reverse('backups')}?{incident.backups_query}"
    return IncidentRow(
        incident=incident,
        badge=status.ATTENTION[incident.state],
        href=_incident_url(incident) or backups_href,
        backups_href=backups_href,
        alarms=of_incident,
        done=incident_words(of_incident),
    )


def _incident_url(incident: Incident) -> str:
    """One thing leads to its own page, several to their list; empty for several backups."""
    if incident.kind == "cloud_silent":
        return f"{reverse('clouds')}#c-{incident.cloud}"
    if incident.volumes:
        own_page = None
        if incident.volumes == len(incident.volume_ids) == 1:
            own_page = volume_url(incident.cloud, incident.volume_ids[0])
        return own_page or f"{reverse('volumes')}?{incident.volumes_query}"
    if incident.backups == len(incident.backup_ids) == 1:
        return reverse("backup", args=[incident.backup_ids[0]])
    return ""


def _running_row(state: RunningState) -> RunningRow:
    if state.stuck_at is not None:
        return RunningRow(state, status.stuck(state.progress))
    if state.slowness is not None:
        return RunningRow(state, status.slow(state.progress, state.slowness))
    badge = status.of_status(state.status)
    if state.progress:
        badge = replace(badge, text=f"{badge.text} {state.progress} %")
    return RunningRow(state, badge)


def _mark(incidents: Sequence[IncidentRow], numbers: Summary) -> Badge:
    """Returns the shape before the sentence: the worst of all."""
    if incidents:
        return incidents[0].badge
    by_tracking_state = numbers.backups.by_tracking_state
    if by_tracking_state.get("stale") or numbers.volumes.by_protection.get("unknown"):
        return status.TRACKING_STATES["stale"]
    if by_tracking_state.get("fresh"):
        return status.STATUSES["available"]
    return status.TRACKING_STATES["pending"]
