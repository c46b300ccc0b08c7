"""The disks: how many are protected, and each of them day by day; what many of them are to be set
to at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from backups.analysis.calendar import midnight
from backups.analysis.numbers import thousands
from backups.analysis.protection import OUTSIDE
from backups.analysis.sizes import Unit
from backups.edits.saved_views import lasting_query
from backups.edits.volume_edits import UnknownVolume
from backups.models import Access, Role, ViewedList
from backups.query.cursor import LAST
from backups.query.list_query import InvalidQuery, ListQuery, parse, query_of, without
from backups.query.page import Page
from backups.query.volume_keys import VolumeKey, stored_keys
from backups.query.volumes import VOLUMES
from backups.reports import growth
from backups.reports.account import saved_views_of
from backups.reports.clouds import cloud_names
from backups.reports.data_version import Versions
from backups.reports.fastest_chains import fastest
from backups.reports.volume_backups import count_backups_of_unknown_origin
from backups.reports.volume_pages import (
    count_volumes_by_protection,
    volume_keys,
    volume_pages,
    volume_states_by_pk,
)
from backups.reports.volume_runs import unkept_runs
from backups.reports.volumes import VolumeState
from backups.shared.access import access_of
from backups.web import csv_export, density, grid, list_toolbar, status
from backups.web.actor import actor
from backups.web.chips import chips, filter_words, query_with, title
from backups.web.clean_address import clean_address
from backups.web.columns import MENU, ChosenColumns, chosen_columns, moved, units_of
from backups.web.htmx import HtmxHttpRequest
from backups.web.list_toolbar import Head
from backups.web.live import Live
from backups.web.page_cursor import page_cursor
from backups.web.saved_views import volumes_url
from backups.web.time_zone import owner, zone
from backups.web.volume_columns import COLUMNS, DISK, with_ordering_shown
from backups.web.volume_forms import VolumeChange, VolumeForm
from backups.web.volume_row import VolumeRow, as_shown, volume_row

PAGE_SIZE = 50
# Keys of the address that filter nothing.
NO_FILTERS = (*csv_export.NO_FILTERS, grid.KEY)
# Filters whose fields are always in sight.
FIELDS_IN_SIGHT = ("q", "protection", "schedule", "last_run_outcome", "cloud", "tag")
# What the shape on top shows when any disk is in it.
WORST_FIRST = ("overdue", "never", "late", "unknown")


@require_safe
@clean_address()
def volume_list(request: HtmxHttpRequest) -> HttpResponse:
    rearranged = moved(request.GET)
    if rearranged is not None:
        return redirect(volumes_url(rearranged.urlencode()))
    return _page(request, request.GET, None, [])


@require_safe
def growing(request: HttpRequest) -> HttpResponse:
    """Shows what is stored in all clouds of the reader, when their quotas are used up, and the
    chains that grow fastest.
    """
    now = timezone.now()
    access = access_of(request)
    try:
        shown = grid.grid(request.GET, now, zone(request), choices=grid.LONG_CHOICES)
    except InvalidQuery as e:
        problem = {"problems": e.errors, "rest": e.valid_part, "list_url": request.path}
        return render(request, "backups/bad_filter.html", problem, status=400)
    growth_of_all = growth.of_clouds(now, access=access, days=len(shown.days))
    page = {
        "now": now,
        "grid": shown,
        "fastest_chains": fastest(now, access=access),
        "growth": growth_of_all,
        "stored": [(point.day, point.mb) for point in growth_of_all.points],
    }
    return render(request, "backups/growing.html", page)


@require_POST
def edit_many(request: HtmxHttpRequest) -> HttpResponse:
    """Sets something on the picked volumes, or on all that match the query. What is wrong is said
    on the same page.
    """
    form = VolumeForm(request.POST)
    picked = request.POST.getlist("volume")
    try:
        query = query_of(request.POST.get("query", ""))
        if request.POST.get("all"):
            selection = _selection(query)
            volumes = volume_keys(selection, timezone.now(), access=access_of(request))
        else:
            volumes = _picked_volumes(picked, access_of(request))
    except InvalidQuery as e:
        return _refuse(request, e)
    changed = None
    if not volumes:
        form.add_error(None, "Pick at least one disk, or say that all matching ones are meant.")
    else:
        change = VolumeChange(volumes, actor(request), version=None, zone=zone(request))
        try:
            changed = form.apply(change)
        except UnknownVolume as e:
            form.add_error(None, str(e))
    if changed is None:
        return _page(request, query, form, picked)
    messages.success(request, _changed_sentence(changed, len(volumes)))
    return redirect(volumes_url(query.urlencode()))


def _page(
    request: HtmxHttpRequest, query: QueryDict, form: VolumeForm | None, picked: list[str]
) -> HttpResponse:
    now = timezone.now()
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    try:
        density.check(query)
        selection = _selection(query)
        cursor = page_cursor(query, VOLUMES, selection)
        days = grid.grid(query, now, zone(request))
    except InvalidQuery as e:
        return _refuse(request, e)
    access = access_of(request)
    page = volume_pages(selection, now, access=access, versions=live.versions).page(
        cursor, PAGE_SIZE, "id", "cloud", "volume_id", count=True
    )
    reader_zone = zone(request)
    states = _states_in_order(page, now, access, live.versions)
    columns = with_ordering_shown(chosen_columns(query, COLUMNS), selection.ordering)
    units = _units(columns, states)
    filters = chips(query, selection, reader_zone)
    context: dict[str, Any] = {
        "now": now,
        "volumes": _rows(states, days, reader_zone, now, access=access, versions=live.versions),
        "grid": days,
        "span": len(days.days) + len(columns.columns) + 1 + access.may(Role.OPERATOR),
        "columns": columns,
        "units": units,
        "heads": _heads(query, selection, columns, units),
        "order_text": list_toolbar.ORDERS.get(selection.ordering, selection.ordering),
        "menu": query.get(MENU, ""),
        "density": query.get(density.KEY, ""),
        "usual_columns": query_with(query, columns=""),
        "csv_url": csv_export.volumes_csv_url(query),
        "excel_url": csv_export.volumes_csv_url(query, for_excel=True),
        "page": page,
        "filters": selection,
        "chosen": selection.raw_values,
        "other_filters": _other_filters(selection),
        "filter_words": filter_words(filters),
        "chips": filters,
        "title": title("Disks", page.matching, filters),
        "query": query.urlencode(),
        "rest": without(query),
        "last": LAST.write(VOLUMES, selection.ordering),
        "form": form,
        "picked": picked,
        "zone": reader_zone,
        "unknown_origin": count_backups_of_unknown_origin(access=access, versions=live.versions),
        "protections": list(status.PROTECTION),
        "schedules": list(status.SCHEDULES),
        "run_outcomes": list(status.RUNS),
        "cloud_names": sorted(cloud_names(access=access)),
        **_protection_summary(
            count_volumes_by_protection(now, access=access, versions=live.versions)
        ),
    }
    shown_rows = [(as_shown(row.state), row.day_states, row.unkept) for row in context["volumes"]]
    shown = {**context, "volumes": shown_rows}
    page_context = context | _views(request, query)
    return live.render(
        "backups/volumes.html", page_context, status=400 if form else 200, shown=shown
    )


def _rows(
    states: Sequence[VolumeState],
    days: grid.Grid,
    reader_zone: ZoneInfo,
    now: datetime,
    *,
    access: Access,
    versions: Versions,
) -> list[VolumeRow]:
    keys = [(state.cloud, state.volume_id) for state in states]
    begin = midnight(days.days[0], reader_zone)
    unkept = unkept_runs(keys, begin, access=access, versions=versions)
    rows: list[VolumeRow] = []
    for state in states:
        of_volume = unkept.get((state.cloud, state.volume_id), [])
        rows.append(volume_row(state, days.days, reader_zone, now, unkept=of_volume))
    return rows


def _heads(
    query: QueryDict, selection: ListQuery, columns: ChosenColumns, units: Mapping[str, Unit]
) -> list[Head]:
    """Returns the heads of the disk and of the chosen columns."""
    heads = [list_toolbar.head(query, selection.ordering, DISK)]
    for column in columns.columns:
        unit = units.get(column.field)
        heads.append(list_toolbar.head(query, selection.ordering, column, unit))
    return heads


def _other_filters(selection: ListQuery) -> Mapping[str, Sequence[str]]:
    """Returns the filters that the form has no field for, and keeps."""
    others = dict(selection.raw_values)
    for key in FIELDS_IN_SIGHT:
        others.pop(key, None)
    return others


def _units(columns: ChosenColumns, states: Sequence[VolumeState]) -> dict[str, Unit]:
    sizes = [
        {
            "chain_size_mb": state.chain_size_mb,
            "size": state.size,
            "vault_mb": state.vault_mb,
        }
        for state in states
    ]
    return units_of(columns.columns, sizes)


def _views(request: HtmxHttpRequest, query: QueryDict) -> dict[str, object]:
    """Returns the tabs of the reader's views of this list."""
    if request.htmx:
        return {}
    views = saved_views_of(owner(request), ViewedList.VOLUMES)
    return {
        "tabs": list_toolbar.tabs(query, views, list_toolbar.VOLUME_VIEWS, volumes_url),
        "keep": lasting_query(query),
        "view_list": ViewedList.VOLUMES.value,
    }


def _states_in_order(
    page: Page, now: datetime, access: Access, versions: Versions
) -> list[VolumeState]:
    places = {}
    for place, row in enumerate(page.rows):
        places[row["cloud"], row["volume_id"]] = place
    pks = [row["id"] for row in page.rows]
    states = volume_states_by_pk(pks, now, access=access, versions=versions)
    states.sort(key=lambda state: places[state.cloud, state.volume_id])
    return states


def _protection_summary(counts: Mapping[str, int]) -> dict[str, object]:
    """Returns what the sentence on top says; exempt and deleted volumes are outside the total."""
    total = sum(counts.values())
    for protection in OUTSIDE:
        total -= counts.get(protection, 0)
    worst = "protected"
    for state in WORST_FIRST:
        if counts.get(state):
            worst = state
            break
    return {
        "by_protection": counts,
        "total": total,
        "protected": counts.get("protected", 0),
        "unsafe": counts.get("overdue", 0) + counts.get("never", 0),
        "mark": status.PROTECTION[worst],
    }


def _selection(query: QueryDict) -> ListQuery:
    """Reads the filters; worst first, unless the address says otherwise. Raises InvalidQuery."""
    selection = parse(query, VOLUMES, ignored_keys=NO_FILTERS, blank_is_any=True)
    return selection if query.get("ordering") else replace(selection, ordering="attention")


def _picked_volumes(picked: Sequence[str], access: Access) -> list[VolumeKey]:
    """Returns the keys of picked volumes as they are stored. What lies in a cloud that is not open
    stays as it was written: how it is stored there would tell that it is there.
    """
    keys = [_volume_key(value) for value in picked]
    volumes = stored_keys([key for key in keys if access.opens(key[0])])
    return volumes + [key for key in keys if not access.opens(key[0])]


def _volume_key(text: str) -> VolumeKey:
    """Splits cloud/ID of a picked volume. A cloud's name holds no slash."""
    cloud, _, volume_id = text.partition("/")
    return cloud, volume_id


def _refuse(request: HttpRequest, e: InvalidQuery) -> HttpResponse:
    page = {"problems": e.errors, "rest": e.valid_part, "list_url": reverse("volumes")}
    return render(request, "backups/bad_filter.html", page, status=400)


def _changed_sentence(changed: int, meant: int) -> str:
    sentence = f"{thousands(changed)} disk{'s' if changed != 1 else ''} changed."
    if changed == meant:
        return sentence
    return f"{sentence} {thousands(meant - changed)} had it already."
