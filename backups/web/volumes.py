"""The disks: how many are protected, and each of them day by day; what many of them are to be set
to at once.
"""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from backups.analysis.days import last_days
from backups.analysis.protection import OUTSIDE
from backups.clouds import registry
from backups.edits.common import Actor
from backups.edits.volume_edits import UnknownVolume
from backups.models import Backup, Cloud, Volume
from backups.query.cursor import LAST, BadCursor, read_cursor
from backups.query.list_query import InvalidQuery, ListQuery, parse, query_of, without
from backups.query.page import Pages
from backups.query.volumes import VOLUMES
from backups.reports import growth as limits
from backups.reports.fastest_chains import fastest
from backups.reports.volumes import volume_states
from backups.web import status
from backups.web.live import Live
from backups.web.volume_forms import Many, VolumeForm
from backups.web.volume_words import volume_of
from backups.web.zone import zone

SIZE = 25
BESIDE = ("cursor", "live")  # keys of the address that filter nothing
_UNSAFE = ("overdue", "never")


@require_safe
def volume_list(request: HttpRequest) -> HttpResponse:
    return _page(request, request.GET, None, [])


@require_safe
def growing(request: HttpRequest) -> HttpResponse:
    """What is stored in all clouds, when their quotas are used up, and the chains that grow
    fastest.
    """
    now = timezone.now()
    growth = limits.of_clouds(now)
    stored = [(point.day, point.mb) for point in growth.points]
    page = {"now": now, "found": fastest(now), "growth": growth, "stored": stored}
    return render(request, "backups/growing.html", page)


@require_POST
def set_many(request: HttpRequest) -> HttpResponse:
    """Set something on the picked disks, or on all that match the query; what is wrong is said on
    the same page.
    """
    form = VolumeForm(request.POST)
    picked = request.POST.getlist("volume")
    try:
        query = query_of(request.POST.get("query", ""))
        volumes = _all_of(query) if request.POST.get("all") else [_split(one) for one in picked]
        if not volumes:
            form.add_error(None, "Pick at least one disk, or say that all matching ones are meant.")
        many = Many(
            volumes, Actor(request.user.get_username(), timezone.now()), None, zone(request)
        )
        changed = form.change(many) if volumes else None
    except InvalidQuery as e:
        return _refuse(request, e.errors, e.valid_part)
    except UnknownVolume as e:
        form.add_error(None, str(e))
        changed = None
    if changed is None:
        return _page(request, query, form, picked)
    messages.success(request, _changed(changed, len(volumes)))
    return redirect(f"{reverse('volumes')}{'?' if query else ''}{query.urlencode()}")


def _page(
    request: HttpRequest, query: QueryDict, form: VolumeForm | None, picked: list[str]
) -> HttpResponse:
    now = timezone.now()
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    try:
        wanted = _selection(query)
        given = query.get("cursor")
        cursor = read_cursor(given, VOLUMES, wanted) if given else None
    except InvalidQuery as e:
        return _refuse(request, e.errors, e.valid_part)
    except BadCursor as e:
        refused = InvalidQuery({"cursor": str(e)}, without(query))
        return _refuse(request, refused.errors, refused.valid_part)
    page = Pages(VOLUMES, wanted, now, rows=_rows(now)).page(
        cursor, SIZE, "id", "cloud", "volume_id", count=True
    )
    place = {(row["cloud"], row["volume_id"]): at for at, row in enumerate(page.rows)}
    some = Volume.objects.filter(pk__in=[row["id"] for row in page.rows])
    here = zone(request)
    days = last_days(now, here)
    volumes = [volume_of(state, days, here, now) for state in volume_states(some, now)]
    volumes.sort(key=lambda volume: place[volume.state.cloud, volume.state.volume_id])
    context = {
        "now": now,
        "etag": live.etag,
        "volumes": volumes,
        "days": days,
        "page": page,
        "filters": wanted,
        "chosen": wanted.raw_values,
        "query": query.urlencode(),
        "rest": without(query),
        "last": LAST.write(VOLUMES, wanted.ordering),
        "form": form,
        "picked": picked,
        "zone": here,
    }
    context["unknown_origin"] = Backup.objects.of_unknown_origin().count()
    return render(
        request,
        "backups/volumes.html",
        context | summary(now) | _choices(),
        status=400 if form else 200,
    )


def summary(now: Any) -> dict[str, Any]:
    """How many disks are in each state of protection; exempt and deleted ones stand outside the
    total. One query.
    """
    found = _rows(now).order_by().values("protection").annotate(n=Count("pk"))
    counts = {row["protection"]: row["n"] for row in found}
    unsafe = sum(counts.get(word, 0) for word in _UNSAFE)
    worst = next((word for word in (*_UNSAFE, "late", "unknown") if counts.get(word)), "protected")
    return {
        "by_protection": counts,
        "total": sum(n for word, n in counts.items() if word not in OUTSIDE),
        "protected": counts.get("protected", 0),
        "unsafe": unsafe,
        "mark": status.PROTECTION[worst],
    }


def _selection(query: QueryDict) -> ListQuery:
    """Worst first, unless the address says otherwise. Raises InvalidQuery."""
    wanted = parse(query, VOLUMES, ignored_keys=BESIDE, blank_is_any=True)
    return wanted if query.get("ordering") else replace(wanted, ordering="attention")


def _rows(now: Any) -> Any:
    return Volume.objects.with_protection(now)


def _all_of(query: QueryDict) -> list[tuple[str, str]]:
    wanted = _selection(query)
    now = timezone.now()
    return list(
        Pages(VOLUMES, wanted, now, rows=_rows(now)).matching.values_list("cloud", "volume_id")
    )


def _split(text: str) -> tuple[str, str]:
    """A picked disk: its cloud, a slash, its ID. A cloud's name holds no slash."""
    cloud, _, volume_id = text.partition("/")
    return cloud, volume_id


def _choices() -> dict[str, list[str]]:
    return {
        "protections": list(status.PROTECTION),
        "cloud_names": sorted(
            {*Cloud.objects.values_list("name", flat=True), *registry.configured()}
        ),
    }


def _refuse(request: HttpRequest, problems: dict[str, str], rest: str) -> HttpResponse:
    page = {"problems": problems, "rest": rest, "list_url": reverse("volumes")}
    return render(request, "backups/bad_filter.html", page, status=400)


def _changed(changed: int, asked: int) -> str:
    done = f"{changed:,} disk{'s' if changed != 1 else ''} changed."
    return done if changed == asked else f"{done} {asked - changed:,} had it already."
