"""The pages of a large installation against an empty Django view: each filter in each order, the
last page, the poll.

`VBSDASH_BENCH_BACKUPS` sets how many backups are tracked (100,000); 1,000 in another
database show the growth.
"""

from itertools import product
from statistics import median

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone

from backups.bench.fill import another, ready
from backups.bench.report import Report, p95, size
from backups.models import Backup
from backups.models.data_version import data_changed
from backups.query.backups import BACKUPS
from backups.query.cursor import LAST

FILTERS = (
    "",
    "status=available",
    "status=error",
    "kind=full",
    "cloud=bench",
    "tracking_state=fresh",
    "size_min=100",
    "created_at_after=2026-01-01",
    "chain_size_mb_min=1000",
    "tag=q4",
    "name=null",
    "fail_reason=null",
    "encrypted=true",
    "service_type=vm",
    "storage_path=nowhere",
    "status=available&kind=full",
)
SEARCHES = ("kafka", "autobk", "nothing of the kind", "ä")
FEW = 1000
# The figures to reach: milliseconds, and ratios.
LIST_MS = 40
SEARCH_MS = 100
HOME_MS = 40
VOLUMES_MS = 60
POLL_MS = 5
LAST_PAGE_RATIO = 1.3
GROWTH_RATIO = 1.5
TIMES = 8  # Of each of the filters in each of the orders.


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
    walls: dict[tuple[str, str], float] = {}
    for query, order in product(FILTERS, BACKUPS.orderings):
        walls[query, order] = _get(web, f"/backups/?{query}&ordering={order}")
    slowest = max(walls, key=lambda key: walls[key])
    query, order = slowest
    report.row(
        f"list, the median of {len(walls)} filters × orders",
        median(walls.values()),
        "ms",
        most=LIST_MS,
    )
    report.row(
        f"list, the slowest: {query or 'no filter'}, {order}"[:58],
        walls[slowest],
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
        "list, the last page against the first", last, "ms", reference=first, most=LAST_PAGE_RATIO
    )
    report.row(
        f"list, {size():,} against {FEW:,} backups", first, "ms", reference=small, most=GROWTH_RATIO
    )


def _others(report: Report, web: Client) -> None:
    backup = Backup.objects.filter(volume_id__isnull=False).order_by("-created_at")[0]
    volume_url = f"/volumes/{backup.cloud_id}/{backup.volume_id}/"
    report.row("home", _get(web, "/"), "ms", most=HOME_MS)
    report.row("disks", _get(web, "/volumes/"), "ms", most=VOLUMES_MS)
    report.row("failures", _get(web, "/failures/"), "ms", most=HOME_MS)
    report.row("clouds", _get(web, "/clouds/"), "ms", most=HOME_MS)
    for name, address in (("home", "/"), ("disks", "/volumes/"), ("list", "/backups/")):
        report.row(f"{name}, the first reader after a change", _get_anew(web, address), "ms")
    texts = (str(backup.pk), backup.pk.hex[:6], *SEARCHES)
    slowest = max(_get(web, f"/search/?q={text}") for text in texts)
    report.row("go to: an ID, its beginning, texts", slowest, "ms", most=SEARCH_MS)
    report.row("one backup", _get(web, f"/backups/{backup.pk}/"), "ms", most=LIST_MS)
    report.row("one disk", _get(web, volume_url), "ms", most=LIST_MS)


def _get(web: Client, address: str) -> float:
    times = TIMES if "ordering=" in address else 40
    return p95(lambda: _check(web.get(address), 200), times=times)


def _get_anew(web: Client, address: str) -> float:
    """Measures what is computed once for each change of the data."""

    def get() -> None:
        data_changed()
        _check(web.get(address), 200)

    return p95(get, times=10)


def _poll(web: Client) -> float:
    text = web.get("/backups/").content.decode()
    tag = text.split('data-etag="')[1].split('"')[0]
    headers = {"HX-Request": "true", "HX-Trigger": "live", "If-None-Match": f'"{tag}"'}
    return p95(lambda: _check(web.get("/backups/", headers=headers), 304))


def _queries(web: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        web.get(address)
    return len(queries)


def _check(answer: HttpResponseBase, status: int) -> None:
    if answer.status_code != status:
        raise AssertionError(f"{answer.status_code} instead of {status}")
