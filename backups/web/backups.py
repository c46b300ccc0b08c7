"""The list of backups, and what is done with some of them."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from backups import tasks
from backups.engine import clouds, tracking
from backups.listing.backups import BACKUPS
from backups.listing.cursor import LAST, BadCursor, read_cursor
from backups.listing.page import Pages
from backups.listing.selection import BadFilter, parse, without
from backups.models import Backup, Cloud
from backups.models.backup import KINDS, TRACKING_STATES
from backups.web import status
from backups.web.backup import not_tracked

SIZE = 50
BESIDE = ("cursor", "live")  # keys of the address that filter nothing
ROW = (
    *("id", "status", "tracking_state", "progress", "name", "volume_id", "cloud", "kind", "kind_conflict", "size"),
    *("chain_size_mb", "throughput_mb_s", "space_saving_percent", "description", "created_at", "tracked_at"),
    *("refreshed_at", "fail_reason", "error", "tags"),
)


@require_safe
@vary_on_headers("HX-Request")
def backup_list(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    try:
        wanted = parse(request.GET, BACKUPS, beside=BESIDE, blank_is_any=True)
        given = request.GET.get("cursor")
        cursor = read_cursor(given, BACKUPS, wanted) if given else None
    except BadFilter as e:
        return _refuse(request, e.problems, e.rest)
    except BadCursor as e:
        return _refuse(request, {"cursor": str(e)}, without(request.GET))
    pages = Pages(BACKUPS, wanted, now, rows=Backup.objects.with_tracking_state(now))
    page = pages.page(cursor, SIZE, *ROW, count=True)
    moving = any(status.is_moving(status=r["status"], tracking_state=r["tracking_state"]) for r in page.rows)
    context = {
        "now": now,
        "filters": wanted,
        "chosen": wanted.given,
        "page": page,
        "matching": page.matching,
        "every": 3 if moving else 30,
        "live": request.GET.get("live") != "off",
        "rest": without(request.GET),
        "still": without(request.GET, "live"),
        "last": LAST.write(BACKUPS, wanted.ordering),
    }
    if "HX-Request" in request.headers:
        return render(request, "backups/partials/_rows.html", context)
    return render(request, "backups/list.html", context | _choices())


@require_POST
def refresh(request: HttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    if not tracking.refresh_now([str(backup_id)], timezone.now()):
        return not_tracked(request, backup_id)
    tasks.refresh_soon([str(backup_id)])
    messages.success(request, "The cloud is being asked about this backup now.")
    return redirect("backup", backup_id)


@require_POST
def untrack(request: HttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    if not tracking.untrack([str(backup_id)]):
        return not_tracked(request, backup_id)
    messages.success(request, f"{backup_id} is not tracked any more. Nothing was changed in the cloud.")
    return redirect("backups")


def _choices() -> dict[str, list[str]]:
    """What the selects offer; two queries, whatever the rows."""
    found = Backup.objects.order_by().values_list("status", flat=True).distinct()
    return {
        "statuses": sorted({*status.STATUSES, *(word for word in found if word)}),
        "cloud_names": sorted({*Cloud.objects.values_list("name", flat=True), *clouds.configured()}),
        "kinds": list(KINDS),
        "tracking_states": list(TRACKING_STATES),
    }


def _refuse(request: HttpRequest, problems: dict[str, str], rest: str) -> HttpResponse:
    return render(request, "backups/bad_filter.html", {"problems": problems, "rest": rest}, status=400)
