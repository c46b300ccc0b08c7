"""The pages of a large installation against an empty Django view: each filter in each order, the
last page, the poll.

`VBSDASH_BENCH_BACKUPS` sets how many backups are tracked (100,000); 1,000 in another database show
the growth.
"""

from collections.abc import Callable
from itertools import product
from statistics import median
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone

from backups.bench.fill import another, ready
from backups.bench.report import Report, p95, size
from backups.models import Backup
from backups.query.backups import BACKUPS
from backups.query.cursor import LAST

FILTERS = (
    *(
        "",
        "status=available",
        "status=error",
        "kind=full",
        "cloud=bench",
        "tracking_state=fresh",
        "size_min=100",
    ),
    *(
        "created_at_after=2026-01-01",
        "chain_size_mb_min=1000",
        "tag=q4",
        "name=null",
        "fail_reason=null",
    ),
    *("encrypted=true", "service_type=vm", "storage_path=nowhere", "status=available&kind=full"),
)
SEARCHES = ("kafka", "autobk", "nothing of the kind", "ä")
FEW = 1000
LIST_MS, SEARCH_MS, HOME_MS, POLL_MS, LAST_TIMES, GROWTH = 60, 150, 80, 8, 1.3, 1.5
TIMES = 8  # of each of the filters in each of the orders


def empty(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("")


class Empty:
    """The site's own addresses and one view that does nothing, behind the same middleware."""

    urlpatterns = (path("bench-empty/", empty), path("", include(settings.ROOT_URLCONF)))


def run(report: Report) -> None:
    with override_settings(ROOT_URLCONF=Empty, ALLOWED_HOSTS=["*"]):
        with another(FEW, now=timezone.now()):
            small = _get(_reader(), "/backups/")
        ready(timezone.now())
        web = _reader()
        report.bare = _get(web, "/bench-empty/")
        report.head(f"Pages of {size():,} backups, 95th percentile of the server's time")
        report.row("an empty view", report.bare, "ms")
        _list(report, web, small)
        _others(report, web)
        report.row("a question with nothing new", _poll(web), "ms", most=POLL_MS)
        report.row("queries of the list", _queries(web, "/backups/"), "", most=12)
        report.bare = 0


def _reader() -> Client:
    web = Client(raise_request_exception=True)
    web.force_login(User.objects.get_or_create(username="bench")[0])
    return web


def _list(report: Report, web: Client, small: float) -> None:
    walls = {
        (query, order): _get(web, f"/backups/?{query}&ordering={order}")
        for query, order in product(FILTERS, BACKUPS.orderings)
    }
    worst = max(walls, key=lambda key: walls[key])
    report.row(
        f"list, the median of {len(walls)} filters × orders",
        median(walls.values()),
        "ms",
        most=LIST_MS,
    )
    report.row(
        f"list, the slowest: {worst[0] or 'no filter'}, {worst[1]}"[:58],
        walls[worst],
        "ms",
        most=LIST_MS,
    )
    report.row(
        "list, free text",
        max(_get(web, f"/backups/?q={q}") for q in SEARCHES),
        "ms",
        most=SEARCH_MS,
    )
    first = _get(web, "/backups/")
    last = _get(web, f"/backups/?cursor={LAST.write(BACKUPS, BACKUPS.default_order)}")
    report.row(
        "list, the last page against the first", last, "ms", reference=first, most=LAST_TIMES
    )
    report.row(
        f"list, {size():,} against {FEW:,} backups", first, "ms", reference=small, most=GROWTH
    )


def _others(report: Report, web: Client) -> None:
    one = Backup.objects.filter(volume_id__isnull=False).order_by("-created_at")[0]
    pages = {
        "home": ("/", HOME_MS),
        "disks": ("/volumes/", HOME_MS),
        "failures": ("/failures/", HOME_MS),
        "clouds": ("/clouds/", HOME_MS),
        "one backup": (f"/backups/{one.pk}/", LIST_MS),
        "one disk": (f"/volumes/{one.cloud_id}/{one.volume_id}/", LIST_MS),
    }
    for name, (address, most) in pages.items():
        report.row(name, _get(web, address), "ms", most=most)


def _get(web: Client, address: str) -> float:
    return p95(_call(web, address), times=TIMES if "ordering=" in address else 40)


def _call(web: Client, address: str) -> Callable[[], object]:
    return lambda: _ok(web.get(address), 200)


def _poll(web: Client) -> float:
    text = web.get("/backups/").content.decode()
    tag = text.split('data-etag="')[1].split('"')[0]
    headers = {"HX-Request": "true", "If-None-Match": f'"{tag}"'}
    return p95(lambda: _ok(web.get("/backups/", headers=headers), 304))


def _queries(web: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        web.get(address)
    return len(queries)


def _ok(answer: Any, status: int) -> None:
    if answer.status_code != status:
        raise AssertionError(f"{answer.status_code} instead of {status}")
