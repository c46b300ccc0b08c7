"""The trash: what was untracked lately, by whom, until when it is kept, and the way back."""

import re
from datetime import datetime
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from backups import tasks
from backups.analysis.numbers import thousands
from backups.edits import trash
from backups.edits.trash import Restored
from backups.models import Role
from backups.models.trash import KEPT_FOR
from backups.query.cursor import LAST
from backups.query.list_query import InvalidQuery, ListQuery, parse, query_of, without
from backups.query.order import Row
from backups.query.trash import TRASH
from backups.reports import trash as trash_report
from backups.reports.clouds import cloud_names
from backups.reports.volume_backups import volume_names
from backups.shared.access import access_of
from backups.shared.role_needed import needs
from backups.vbs.id_spellings import read_uuid
from backups.web import status
from backups.web.page_cursor import page_cursor

PAGE_SIZE = 50
MAX_TICKED = 1_000
NO_FILTERS = ("cursor", "all")
ROW_FIELDS = (
    "pk",
    "backup_id",
    "cloud",
    "name",
    "status",
    "volume_id",
    "created_at",
    "refreshed_at",
    "trashed_at",
    "by",
)
MOST_NAMED = 3
_NUMBER = re.compile("[0-9]{1,18}")


@needs(Role.OPERATOR)
@require_safe
def trash_list(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    try:
        selection = _selection(request.GET)
        cursor = page_cursor(request.GET, TRASH, selection)
    except InvalidQuery as e:
        return _refuse(request, e)
    access = access_of(request)
    page = trash_report.pages(selection, now, access=access).page(
        cursor, PAGE_SIZE, *ROW_FIELDS, count=True
    )
    rest = without(request.GET, "all")
    context = {
        "now": now,
        "page": page,
        "rows": [_shown(row) for row in page.rows],
        "volume_names": volume_names(
            [(row["cloud"], row["volume_id"]) for row in page.rows], access=access
        ),
        "filters": selection,
        "chosen": selection.raw_values,
        "rest": rest,
        "all": request.GET.get("all") == "1",
        "days": KEPT_FOR.days,
        "last": LAST.write(TRASH, selection.ordering),
        "cloud_names": sorted(cloud_names(access=access)),
    }
    return render(request, "backups/trash.html", context)


@needs(Role.OPERATOR)
@require_POST
def restore(request: HttpRequest) -> HttpResponse:
    """Tracks again what is ticked, all that match `query`, or what one `act` put into the trash."""
    now = timezone.now()
    access = access_of(request)
    try:
        pks = _chosen(request, now)
    except InvalidQuery as e:
        return _refuse(request, e)
    restored = trash.restore(pks, now, access=access)
    tasks.refresh_soon(restored.ids)
    _say(request, restored)
    if len(restored.ids) == 1:
        return redirect("backup", restored.ids[0])
    if restored.ids and request.POST.get("act"):
        return redirect(f"{reverse('backups')}?{urlencode({'view': 'all'})}")
    return redirect("trash")


def _shown(row: Row) -> Row:
    was_answered = row["refreshed_at"] is not None
    return {
        **row,
        "until": row["trashed_at"] + KEPT_FOR,
        "badge": status.of_status(row["status"]) if was_answered else None,
        "tracking_state": "fresh" if was_answered else "pending",
    }


def _chosen(request: HttpRequest, now: datetime) -> list[int]:
    """Raises InvalidQuery."""
    access = access_of(request)
    if "act" in request.POST:
        act = read_uuid(request.POST["act"])
        return list(trash_report.of_act(act, access=access)) if act else []
    if request.POST.get("all") == "1":
        selection = _selection(query_of(request.POST.get("query", "")))
        return trash_report.matching(selection, now, access=access)
    # What is no number comes from no page of ours.
    ticked = request.POST.getlist("pk")[:MAX_TICKED]
    return list({int(text) for text in ticked if _NUMBER.fullmatch(text)})


def _say(request: HttpRequest, restored: Restored) -> None:
    count = len(restored.ids)
    if count:
        backups = "backup is" if count == 1 else "backups are"
        parts = "its" if count == 1 else "their"
        sentence = f"{thousands(count)} {backups} tracked again, with {parts} history, tags and"
        messages.success(request, f"{sentence} {'note' if count == 1 else 'notes'}.")
    elif not restored.elsewhere:
        messages.error(request, "Nothing was restored: none of these is in the trash.")
    if restored.elsewhere:
        names = [row.name or row.id for row in restored.elsewhere[:MOST_NAMED]]
        more = len(restored.elsewhere) - len(names)
        listed = ", ".join(names) + (f" and {thousands(more)} more" if more else "")
        messages.error(request, f"Tracked by another cloud meanwhile, so it stays here: {listed}.")


def _selection(query: QueryDict) -> ListQuery:
    """Raises InvalidQuery."""
    selection = parse(query, TRASH, ignored_keys=NO_FILTERS, blank_is_any=True)
    if selection.tags:
        raise InvalidQuery({"tag": "There are no tags here."}, without(query, "tag", "tags"))
    return selection


def _refuse(request: HttpRequest, error: InvalidQuery) -> HttpResponse:
    page = {"problems": error.errors, "rest": error.valid_part, "list_url": reverse("trash")}
    return render(request, "backups/bad_filter.html", page, status=400)
