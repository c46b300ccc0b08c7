"""The list of backups: everything it shows is in its address."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from backups.clouds import registry
from backups.edits.saved_views import lasting_query
from backups.models import Backup, Cloud, SavedView, Volume
from backups.models.backup import KINDS, TRACKING_STATES
from backups.query.backups import BACKUPS
from backups.query.cursor import LAST, BadCursor, Cursor, read_cursor
from backups.query.list_query import InvalidQuery, ListQuery, parse, without
from backups.query.page import Pages
from backups.web import added, columns, list_toolbar, saved_views, status
from backups.web.live import Live
from backups.web.zone import owner

SIZE = 50
BESIDE = (
    "cursor",
    "live",
    "columns",
    "view",
    "all",
    "added",
)  # keys of the address that filter nothing
ROW = (
    *(
        "id",
        "status",
        "tracking_state",
        "progress",
        "name",
        "volume_id",
        "cloud",
        "kind",
        "kind_conflict",
    ),
    *("chain_size_mb", "refreshed_at", "fail_reason", "error", "tags", "stuck_at"),
)
_STATUSES = (
    "WITH RECURSIVE there(status) AS (SELECT min(status) FROM {table} UNION ALL "
    "SELECT (SELECT min(one.status) FROM {table} one WHERE one.status > there.status) FROM there "
    "WHERE there.status IS NOT NULL) SELECT status FROM there"
)
Row = dict[str, Any]


@require_safe
@vary_on_headers("HX-Request")
def backup_list(request: HttpRequest) -> HttpResponse:
    partial = "HX-Request" in request.headers
    views = [] if partial else list(SavedView.objects.filter(user=owner(request)))
    if not request.GET and (
        first := next((view for view in views if view.is_default and view.query), None)
    ):
        return redirect(saved_views.address(first.query))
    now = timezone.now()
    live = Live(request, now)
    if live.answer is not None:
        return live.answer  # nothing is parsed, found or rendered
    try:
        wanted, cursor = read(request)
    except InvalidQuery as e:
        return refuse(request, e.errors, e.valid_part)
    context = _rows(request, wanted, cursor, now) | {"etag": live.etag}
    if partial:
        return render(request, "backups/partials/_list.html", context)
    return render(request, "backups/list.html", context | _around(request, wanted, views))


def read(request: HttpRequest) -> tuple[ListQuery, Cursor | None]:
    """What the address asks for. Raises InvalidQuery."""
    wanted = parse(request.GET, BACKUPS, ignored_keys=BESIDE, blank_is_any=True)
    given = request.GET.get("cursor")
    try:
        return wanted, read_cursor(given, BACKUPS, wanted) if given else None
    except BadCursor as e:
        raise InvalidQuery({"cursor": str(e)}, without(request.GET)) from e


def refuse(request: HttpRequest, problems: Mapping[str, str], rest: str) -> HttpResponse:
    return render(
        request, "backups/bad_filter.html", {"problems": problems, "rest": rest}, status=400
    )


def _rows(
    request: HttpRequest, wanted: ListQuery, cursor: Cursor | None, now: datetime
) -> dict[str, Any]:
    """What the live region shows."""
    shown = columns.chosen(request.GET)
    pages = Pages(BACKUPS, wanted, now, rows=Backup.objects.with_tracking_state(now))
    words = dict.fromkeys((*ROW, *shown.words))
    page = pages.page(cursor, SIZE, *words, count=True)
    moving = any(
        status.is_moving(status=r["status"], tracking_state=r["tracking_state"]) for r in page.rows
    )
    status_head, name_head, other_heads, known_head = list_toolbar.heads(request.GET, wanted, shown)
    return {
        "now": now,
        "row_keys": True,
        "filters": wanted,
        "page": page,
        "columns": shown,
        "order_words": list_toolbar.ORDERS.get(wanted.ordering, wanted.ordering),
        "heads": {
            "status": status_head,
            "name": name_head,
            "others": other_heads,
            "known": known_head,
        },
        "span": len(shown.columns) + 4,
        "volume_names": volume_names(page.rows),
        "matching": page.matching,
        "every": 3 if moving else 30,
        "all": request.GET.get("all") == "1",
        "rest": without(request.GET),
        "first": without(request.GET) or "view=all",
        "select_all": list_toolbar.replaced(request.GET, all="1"),
        "select_none": list_toolbar.replaced(request.GET),
        "last": LAST.write(BACKUPS, wanted.ordering),
        "cloud_errors": cloud_errors(),
        "just": added.note(request.GET.get("added", "")),
    }


def _around(request: HttpRequest, wanted: ListQuery, views: list[SavedView]) -> dict[str, Any]:
    """What surrounds the rows: fields, tabs, chips; two queries, whatever the rows."""
    return {
        "chosen": wanted.raw_values,
        "field_keys": list_toolbar.FIELDS,
        "chips": list_toolbar.chips(request.GET, wanted),
        "tabs": list_toolbar.tabs(request.GET, views),
        "keep": lasting_query(request.GET),
        "all_columns": columns.COLUMNS,
        "orders": list_toolbar.ORDERS,
        "statuses": sorted({*status.STATUSES, *(word for word in _stored_statuses() if word)}),
        "cloud_names": sorted(
            {*Cloud.objects.values_list("name", flat=True), *registry.configured()}
        ),
        "kinds": list(KINDS),
        "tracking_states": list(TRACKING_STATES),
    }


def _stored_statuses() -> list[str | None]:
    """Each status that there is, by one step along the index per status: a DISTINCT would read
    every row.
    """
    table = connection.ops.quote_name(Backup._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(_STATUSES.format(table=table))
        return [status for (status,) in cursor.fetchall()]


def cloud_errors() -> dict[str, dict[str, Any]]:
    """Of the clouds that cannot be asked now, by name: what their backups that are not fresh have
    to say.
    """
    failing = Cloud.objects.filter(error__isnull=False, name__in=registry.configured())
    return {
        name: error for name, error in failing.values_list("name", "error") if error is not None
    }


def volume_names(rows: Iterable[Row]) -> dict[tuple[str, str], str]:
    """Label, else name in the cloud, of the disks of these rows; one query."""
    wanted = {(row["cloud"], row["volume_id"]) for row in rows if row["volume_id"]}
    clouds, volume_ids = {cloud for cloud, _ in wanted}, {volume_id for _, volume_id in wanted}
    mine = Volume.objects.filter(cloud__in=sorted(clouds), volume_id__in=sorted(volume_ids))
    named = mine.exclude(Q(label=None) & Q(name=None))
    found = {
        (cloud, volume): label or name for cloud, volume, label, name in named.values_list(*_NAMED)
    }
    return {key: name for key, name in found.items() if key in wanted and name}


_NAMED = ("cloud", "volume_id", "label", "name")
