"""Home, list, add, one backup, clouds: parse input, one call down, render."""

import base64
import json
import uuid
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Q
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from backups import tasks
from backups.engine import clouds, schedule, tracking
from backups.models import Backup, Body
from backups.models.backup import KINDS, TRACKING_STATES

PAGE = 50
ROW = [
    "id",
    "status",
    "name",
    "cloud",
    "volume_id",
    "kind",
    "size",
    "chain_size_mb",
    "progress",
    "description",
    "created_at",
    "refreshed_at",
    "fail_reason",
    "error",
    "tracking_state",
]
CHOICES = {"kind": KINDS, "tracking_state": TRACKING_STATES}
FILTERS = ("status", "cloud", "kind", "tracking_state", "volume_id")


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    rows = Backup.objects.with_tracking_state(now)
    states = rows.tally("tracking_state")
    flying = rows.filter(status__in=schedule.IN_FLIGHT, gone_at=None).newest_first().values(*ROW)[:20]
    context = {
        "total": sum(states.values()),
        "states": [(word, states.get(word, 0)) for word in TRACKING_STATES],
        "statuses": sorted((word or "", n) for word, n in rows.tally("status").items()),
        "flying": list(flying),
        "clouds": clouds.states(now),
        "newest": Backup.objects.order_by("-refreshed_at")
        .exclude(refreshed_at=None)
        .values_list("refreshed_at")
        .first(),
    }
    return render(request, "backups/home.html", context)


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    problems, rows = _filtered(request)
    if problems:
        return render(request, "400.html", {"problems": problems}, status=400)
    matching = rows.count()
    cursor = request.GET.get("cursor")
    ordered = rows.annotate(at=Coalesce("created_at", "tracked_at")).order_by("-at", "id")
    if cursor:
        position = _position(cursor)
        if position is None:
            return render(request, "400.html", {"problems": ["cursor: this is not one of ours."]}, status=400)
        ordered = ordered.filter(Q(at__lt=position[0]) | Q(at=position[0], id__gt=position[1]))
    page = list(ordered.values(*ROW, "at")[: PAGE + 1])
    following = _cursor(page[PAGE - 1]) if len(page) > PAGE else None
    moving = any(row["tracking_state"] == "pending" or row["status"] in schedule.IN_FLIGHT for row in page[:PAGE])
    query = request.GET.copy()
    query.pop("cursor", None)
    context = {
        "rows": page[:PAGE],
        "matching": matching,
        "first": f"?{query.urlencode()}" if cursor else None,
        "next": f"?{query.urlencode()}&cursor={following}" if following else None,
        "every": "3s" if moving else "30s",
        "clouds": sorted(clouds.configured()),
        "kinds": KINDS,
        "tracking_states": TRACKING_STATES,
    }
    template = "backups/partials/_table.html" if getattr(request, "htmx", False) else "backups/list.html"
    response = render(request, template, context)
    response["Vary"] = "HX-Request"
    return response


def _filtered(request: HttpRequest) -> tuple[list[str], Any]:
    """What is wrong with the filters, in words, and the rows that they leave."""
    problems = [
        f"{word[:80]}: no such filter." for word in request.GET if word not in (*FILTERS, "q", "cursor", "live")
    ]
    rows = Backup.objects.with_tracking_state(timezone.now())
    for word in FILTERS:
        values = [value for value in request.GET.getlist(word) if value]
        bad = [value for value in values if "\x00" in value or value not in CHOICES.get(word, values)]
        problems += [f"{word}: “{value[:80]}” is no value of it." for value in bad]
        if values and not bad:
            given = [value for value in values if value != "null"]
            either = Q(**{f"{word}__in": given})
            rows = rows.filter(either | Q(**{f"{word}__isnull": True}) if len(given) < len(values) else either)
    if q := request.GET.get("q", "").replace("\x00", "").strip():
        words = ("name", "description", "volume_id", "fail_reason", "id")
        found = Q()
        for word in words:
            found |= Q(**{f"{word}__icontains": q.replace("-", "") if word == "id" else q})
        rows = rows.filter(found)
    return problems, rows


def _cursor(row: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(f"{row['at'].isoformat()} {row['id']}".encode()).decode()


def _position(cursor: str) -> tuple[datetime, uuid.UUID] | None:
    try:
        at, last = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
        found = datetime.fromisoformat(at)
        return (found, uuid.UUID(last)) if found.tzinfo else None
    except ValueError:
        return None


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    names = sorted(clouds.configured())
    cloud, text = request.POST.get("cloud", ""), request.POST.get("backup_ids", "")
    context: dict[str, Any] = {"clouds": names, "cloud": cloud or (names[0] if len(names) == 1 else ""), "text": text}
    if request.method != "POST":
        return render(request, "backups/add.html", context)
    if not text.strip():
        return render(request, "backups/add.html", {**context, "text_error": "Paste at least one backup ID."})
    try:
        verdicts = tracking.preview(cloud=cloud, text=text)
        if request.POST.get("preview") == "1":
            return render(request, "backups/add.html", {**context, "verdicts": verdicts})
        added = tracking.add(cloud=cloud, values=[text], now=timezone.now())
    except tracking.UnknownCloud as e:
        return render(request, "backups/add.html", {**context, "cloud_error": str(e)})
    tasks.refresh_soon(added.added)
    if added.invalid:
        return render(request, "backups/add.html", {**context, "verdicts": verdicts, "added": len(added.added)})
    ids = [*added.added, *added.already_tracked]
    return redirect("backup", ids[0]) if len(ids) == 1 else redirect("backups")


@require_GET
def detail(request: HttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    tracked = Backup.objects.with_tracking_state(timezone.now()).filter(pk=backup_id)
    row, known = tracked.first(), tracked.values(*ROW).first()
    if row is None or known is None:
        raise Http404(f"{backup_id} is not tracked.")
    body = Body.objects.filter(pk=backup_id).first()
    config = clouds.configured().get(row.cloud_id)
    host = urlsplit(config.vbs_endpoint_override or "").netloc if config else ""
    links = [{**link, "ours": _is_ours(link["href"], host)} for link in row.links]
    raw = json.dumps({"backup": json.loads(body.text)}, indent=2, ensure_ascii=False) if body else None
    context = {
        "b": row,
        "row": known,
        "links": links,
        "raw": raw,
        "received_at": body.received_at if body else None,
        "configured": config is not None,
        "in_flight": row.status in schedule.IN_FLIGHT,
        "moving": row.status in schedule.IN_FLIGHT or known["tracking_state"] == "pending",
    }
    return render(request, "backups/detail.html", context)


def _is_ours(href: str, host: str) -> bool:
    """May a link of the API be clickable: http(s), and the configured host?"""
    try:
        parts = urlsplit(href)
    except ValueError:
        return False
    return bool(host) and parts.scheme in ("http", "https") and parts.netloc == host


@require_POST
def refresh(request: HttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    if not tracking.refresh_now([str(backup_id)], timezone.now()):
        raise Http404(f"{backup_id} is not tracked.")
    tasks.refresh_soon([str(backup_id)])
    return redirect("backup", backup_id)


@require_POST
def untrack(request: HttpRequest, backup_id: uuid.UUID) -> HttpResponse:
    if not tracking.untrack([str(backup_id)]):
        raise Http404(f"{backup_id} is not tracked.")
    return redirect("backups")


@require_GET
def cloud_list(request: HttpRequest) -> HttpResponse:
    return render(request, "backups/clouds.html", {"clouds": clouds.states(timezone.now())})
