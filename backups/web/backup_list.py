"""The list of backups: everything it shows is in its address."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from backups.analysis.causes import explain
from backups.edits.saved_views import lasting_query
from backups.models import Access, Role, SavedView, ViewedList
from backups.models.backup import KINDS, TRACKING_STATES
from backups.query.cursor import LAST, Cursor
from backups.query.list_query import InvalidQuery, ListQuery, parse, without
from backups.reports.account import saved_views_of
from backups.reports.added_batch import added_batch
from backups.reports.backup_pages import PAGE_BACKUPS, backup_pages
from backups.reports.backup_statuses import stored_statuses
from backups.reports.clouds import cloud_names, errors_by_cloud
from backups.reports.volume_backups import volume_names
from backups.shared.access import access_of
from backups.web import asked, density, list_toolbar, saved_views, status
from backups.web.added import read_batch
from backups.web.backup_columns import COLUMNS
from backups.web.chips import chips, filter_words, query_with, title
from backups.web.clean_address import clean_address
from backups.web.columns import MENU, chosen_columns, moved, units_of
from backups.web.csv_export import NO_FILTERS, csv_url
from backups.web.htmx import HtmxHttpRequest, varies_by_fragment, wants_fragment
from backups.web.list_toolbar import EVERYTHING
from backups.web.live import POLL_MOVING_S, POLL_S, Live
from backups.web.page_cursor import page_cursor
from backups.web.time_zone import owner, zone

PAGE_SIZE = 50
# What a row shows whatever columns the reader chose.
ROW_FIELDS = (
    "id",
    "status",
    "tracking_state",
    "progress",
    "name",
    "volume_id",
    "cloud",
    "kind",
    "kind_conflict",
    "chain_size_mb",
    "refreshed_at",
    "fail_reason",
    "error",
    "tags",
    "stuck_at",
)


@require_safe
@varies_by_fragment
@clean_address(bare=EVERYTHING)
def backup_list(request: HtmxHttpRequest) -> HttpResponse:
    views: Sequence[SavedView] | None = None
    if not request.GET and not request.htmx:
        views = saved_views_of(owner(request), ViewedList.BACKUPS)
        for view in views:
            if view.is_default and view.query:
                return redirect(saved_views.list_url(view.query))
    rearranged = moved(request.GET)
    if rearranged is not None:
        return redirect(saved_views.list_url(rearranged.urlencode()))
    if _has_old_batch(request.GET):
        return redirect(saved_views.list_url(""))
    now = timezone.now()
    last_asked = asked.asked(request, asked.LIST, now)
    live = Live(request, now, last_asked)
    if live.answer is not None:
        return live.answer
    try:
        density.check(request.GET)
        selection = read_selection(request.GET)
        cursor = page_cursor(request.GET, PAGE_BACKUPS, selection)
    except InvalidQuery as e:
        return refuse(request, e.errors, e.valid_part)
    context = _live_region(request, selection, cursor, live, now) | {"asked": last_asked}
    if asked.is_followed(last_asked):
        context["every"] = POLL_MOVING_S
    if wants_fragment(request):
        return live.render("backups/partials/_list_poll.html", context)
    if views is None:
        views = saved_views_of(owner(request), ViewedList.BACKUPS)
    page = context | _surroundings(request, selection, views)
    return live.render("backups/list.html", page, shown=context)


def read_selection(query: QueryDict) -> ListQuery:
    """Raises InvalidQuery."""
    return parse(query, PAGE_BACKUPS, ignored_keys=NO_FILTERS, blank_is_any=True)


def refuse(request: HttpRequest, errors: Mapping[str, str], valid_part: str) -> HttpResponse:
    page = {"problems": errors, "rest": valid_part}
    return render(request, "backups/bad_filter.html", page, status=400)


def _has_old_batch(query: QueryDict) -> bool:
    """Addresses of earlier versions name what was added by the time at which it was."""
    return any(value.strip() and read_batch(value) is None for value in query.getlist("added"))


def _live_region(
    request: HttpRequest, selection: ListQuery, cursor: Cursor | None, live: Live, now: datetime
) -> dict[str, Any]:
    access = access_of(request)
    columns = chosen_columns(request.GET, COLUMNS)
    fields = dict.fromkeys((*ROW_FIELDS, *columns.fields))
    pages = backup_pages(selection, now, access=access, versions=live.versions)
    page = pages.page(cursor, PAGE_SIZE, *fields, count=True)
    keys_of_volumes = [(row["cloud"], row["volume_id"]) for row in page.rows]
    filters = chips(
        request.GET, selection, zone(request), bare=EVERYTHING, cause=_cause_in_words(page.rows)
    )
    batch = read_batch(request.GET.get("added", ""))
    units = units_of(columns.columns, page.rows)
    query_without_cursor = without(request.GET)
    return {
        "now": now,
        "row_keys": True,
        "units": units,
        "filters": selection,
        "page": page,
        "columns": columns,
        "order_text": list_toolbar.ORDERS.get(selection.ordering, selection.ordering),
        "filter_words": filter_words(filters),
        "heads": list_toolbar.heads(request.GET, selection, columns, units),
        "span": len(columns.columns) + (4 if access.may(Role.OPERATOR) else 3),
        "volume_names": volume_names(keys_of_volumes, access=access),
        "matching": page.matching,
        "chips": filters,
        "title": title("Backups", page.matching, filters),
        "every": POLL_MOVING_S if _any_moving(page.rows) else POLL_S,
        "all": request.GET.get("all") == "1",
        "rest": query_without_cursor,
        "first": query_without_cursor or EVERYTHING,
        "select_all": query_with(request.GET, bare=EVERYTHING, all="1"),
        "select_none": query_with(request.GET, bare=EVERYTHING),
        "last": LAST.write(PAGE_BACKUPS, selection.ordering),
        "cloud_errors": errors_by_cloud(access=access),
        **_exports(request, access),
        "just": added_batch(batch, access=access) if batch else None,
    }


def _exports(request: HttpRequest, access: Access) -> dict[str, str | None]:
    """Returns the links that a viewer exports by; who may do more has a form, which knows what is
    ticked.
    """
    if access.may(Role.OPERATOR):
        return {}
    query = request.GET
    return {
        "csv_url": csv_url(query, access=access),
        "excel_url": csv_url(query, access=access, for_excel=True),
    }


def _cause_in_words(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns what the rows of one cause failed by: the same for all of them."""
    if not rows:
        return ""
    explanation = explain(status=rows[0]["status"], reason=rows[0]["fail_reason"])
    return explanation.meaning or explanation.text or "no reason given"


def _any_moving(rows: Sequence[Mapping[str, Any]]) -> bool:
    for row in rows:
        if status.is_moving(status=row["status"], tracking_state=row["tracking_state"]):
            return True
    return False


def _surroundings(
    request: HttpRequest, selection: ListQuery, views: Sequence[SavedView]
) -> dict[str, Any]:
    """Fields, tabs and chips: two queries, whatever the rows."""
    access = access_of(request)
    return {
        "chosen": selection.raw_values,
        "field_keys": list_toolbar.FIELDS,
        "tabs": list_toolbar.tabs(request.GET, views),
        "keep": lasting_query(request.GET),
        "density": request.GET.get(density.KEY, ""),
        "menu": request.GET.get(MENU, ""),
        "usual_columns": query_with(request.GET, bare=EVERYTHING, columns=""),
        "orders": list_toolbar.ORDERS,
        "statuses": sorted({*status.STATUSES, *stored_statuses(access=access)}),
        "cloud_names": sorted(cloud_names(access=access)),
        "kinds": list(KINDS),
        "tracking_states": list(TRACKING_STATES),
    }
