"""Alarms: what waits for somebody, who took what, what is muted, and what was told to whom."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from backups.alarms.channels_file import channels
from backups.models import AlarmKind, DeliveryKind, DeliveryState
from backups.query.alarms import ALARMS
from backups.query.cursor import LAST
from backups.query.definition import ATTENTION
from backups.query.deliveries import DELIVERIES
from backups.query.list_query import Comparison, InvalidQuery, ListQuery, parse, without
from backups.reports import alarms as report
from backups.reports import deliveries as delivery_report
from backups.reports import silences as silence_report
from backups.reports.alarms import Alarms
from backups.reports.clouds import cloud_names
from backups.shared.access import access_of
from backups.web import status
from backups.web.actor import actor
from backups.web.alarm_acts import undo_tag
from backups.web.alarm_rows import (
    alarm_row,
    alarms_as_shown,
    channel_rows,
    delivery_row,
    silence_row,
)
from backups.web.chips import chips, query_with, title
from backups.web.clean_address import clean_address
from backups.web.htmx import HtmxHttpRequest
from backups.web.live import POLL_MOVING_S, POLL_S, Live
from backups.web.page_cursor import page_cursor
from backups.web.silence_form import SilenceForm
from backups.web.time_zone import zone

PAGE_SIZE: Final = 50
DELIVERIES_SHOWN: Final = 10
NO_FILTERS: Final = ("cursor", "live")
NOT_OVER: Final = ("open", "acknowledged", "muted", "pending")
# What a silence cannot be about: what was done about an alarm, and how the list stands.
NOT_OF_SILENCES: Final = ("stage", "ordering", "cursor", "live")


@require_safe
@clean_address()
def alarms(request: HtmxHttpRequest) -> HttpResponse:
    return _page(request, None)


@require_POST
def begin_silence(request: HtmxHttpRequest) -> HttpResponse:
    """Begins a maintenance or quiet hours. What is refused is said beside its field."""
    form = SilenceForm(request.POST)
    silence = form.begin(zone(request), actor(request))
    if silence is None:
        return _page(request, form)
    messages.success(request, "The silence is set.", extra_tags=undo_tag(silence))
    return redirect(f"{reverse('alarms')}#silences")


@require_safe
@clean_address()
def deliveries(request: HttpRequest) -> HttpResponse:
    """The log of all that was sent."""
    now = timezone.now()
    access = access_of(request)
    try:
        selection = parse(request.GET, DELIVERIES, ignored_keys=NO_FILTERS, blank_is_any=True)
        if selection.tags:
            rest = without(request.GET, "tag", "tags")
            raise InvalidQuery({"tag": "There are no tags here."}, rest)
        cursor = page_cursor(request.GET, DELIVERIES, selection)
    except InvalidQuery as e:
        return _refuse(request, e, "deliveries")
    pages = delivery_report.pages(selection, now, access=access)
    page = pages.page(cursor, PAGE_SIZE, "pk", count=True)
    states = delivery_report.states([row["pk"] for row in page.rows], access=access)
    configured = list(channels())
    filters = chips(request.GET, selection, zone(request))
    context = {
        "now": now,
        "page": page,
        "title": title("Deliveries", page.matching, filters),
        "chips": filters,
        "deliveries": [delivery_row(state, configured) for state in states],
        "filters": selection,
        "chosen": selection.raw_values,
        "rest": without(request.GET),
        "last": LAST.write(DELIVERIES, selection.ordering),
        "channel_names": configured,
        "kinds": DeliveryKind.values,
        "states": DeliveryState.values,
        "has_channels": bool(configured),
    }
    return render(request, "backups/deliveries.html", context)


def _page(request: HtmxHttpRequest, form: SilenceForm | None) -> HttpResponse:
    now = timezone.now()
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    access = access_of(request)
    reader_zone = zone(request)
    try:
        chosen = parse(request.GET, ALARMS, ignored_keys=NO_FILTERS, blank_is_any=True)
        cursor = page_cursor(request.GET, ALARMS, chosen)
    except InvalidQuery as e:
        return _refuse(request, e, "alarms")
    reader = Alarms(now, access=access)
    selection = _not_over(chosen)
    page = reader.pages(selection).page(cursor, PAGE_SIZE, "pk", count=True)
    rows = [alarm_row(state) for state in reader.states([row["pk"] for row in page.rows])]
    counts = reader.counts(chosen)
    waiting = reader.unacknowledged()
    configured = channels()
    shown_silences = silence_report.shown(now, reader.quiet, access=access)
    sent = delivery_report.newest(DELIVERIES_SHOWN, access=access)
    filters = chips(request.GET, chosen, reader_zone)
    names = sorted(cloud_names(access=access))
    is_moving = any(one.values["state"] == DeliveryState.WAITING for one in sent)
    context = {
        "now": now,
        "page": page,
        "title": title("Alarms", None, filters),
        "chips": filters,
        "alarms": rows,
        "waiting": waiting,
        "mark": status.ALARM_STAGES["open" if waiting else "closed"],
        "tabs": _tabs(request.GET, chosen, counts),
        "not_over": sum(counts[stage] for stage in NOT_OVER),
        "were_any": bool(rows) or report.exist(access=access),
        "filters": chosen,
        "chosen": chosen.raw_values,
        "is_newest_first": chosen.ordering != ATTENTION,
        "newest_href": query_with(request.GET, ordering="-opened_at"),
        "worst_href": query_with(request.GET, ordering=""),
        "rest": without(request.GET),
        "last": LAST.write(ALARMS, chosen.ordering),
        "cloud_names": names,
        "kinds": AlarmKind.values,
        "severities": list(status.SEVERITIES),
        "silences": [silence_row(state, reader_zone) for state in shown_silences],
        "deliveries": [delivery_row(state, list(configured)) for state in sent],
        "has_channels": bool(configured),
        "channels": channel_rows(configured.values(), reader_zone, access=access),
        "form": form,
        "filter_of_list": _filter_of_list(request.GET),
        "zone": reader_zone,
        "every": POLL_MOVING_S if is_moving else POLL_S,
    }
    if form is not None:
        context["live"] = False  # what was typed stays
    status_code = 200 if form is None else 400
    return live.render("backups/alarms.html", context, status=status_code, shown=_as_shown(context))


def _not_over(selection: ListQuery) -> ListQuery:
    """Returns what the page lists: without a stage in its address, all that is not over."""
    if any(comparison.field == "stage" for comparison in selection.comparisons):
        return selection
    not_over = Comparison("stage", "in", NOT_OVER)
    return replace(selection, comparisons=(*selection.comparisons, not_over))


def _tabs(
    query: QueryDict, selection: ListQuery, counts: Mapping[str, int]
) -> Sequence[dict[str, object]]:
    """Returns a link for each stage with its count, which is that of the list behind it."""
    chosen = selection.raw_values.get("stage", ())
    everything = {
        "text": "Not over",
        "n": sum(counts[stage] for stage in NOT_OVER),
        "href": query_with(query, stage=""),
        "here": not chosen,
        "tooltip": "Open, acknowledged, muted and pending.",
    }
    tabs: list[dict[str, object]] = [everything]
    for stage in ("open", "acknowledged", "muted", "pending", "closed"):
        badge = status.ALARM_STAGES[stage]
        tab = {
            "text": badge.text.capitalize(),
            "n": counts[stage],
            "href": query_with(query, stage=stage),
            "here": tuple(chosen) == (stage,),
            "tooltip": badge.tooltip,
        }
        tabs.append(tab)
    return tabs


def _filter_of_list(query: QueryDict) -> str:
    """Returns the filter of the list as a silence takes it."""
    filters = query.copy()
    for key in list(filters):
        values = [value for value in filters.getlist(key) if value.strip()]
        if key in NOT_OF_SILENCES or not values:
            del filters[key]
        else:
            filters.setlist(key, values)
    return filters.urlencode()


def _as_shown(context: Mapping[str, Any]) -> dict[str, Any]:
    """Tells to the minute how old evidence is: while a refresh runs, it changes each second."""
    form = context["form"]
    rows = alarms_as_shown(context["alarms"])
    return {**context, "alarms": rows, "form": None if form is None else form.data}


def _refuse(request: HttpRequest, error: InvalidQuery, page_name: str) -> HttpResponse:
    page = {
        "problems": error.errors,
        "rest": error.valid_part,
        "list_url": reverse(page_name),
    }
    return render(request, "backups/bad_filter.html", page, status=400)
