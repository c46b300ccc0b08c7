"""The pages of a large installation against an empty Django view: each filter in each order, the last page, the poll.

`VBSDASH_BENCH_BACKUPS` sets how many backups are tracked (100,000); 1,000 of them are measured first, for the growth.
"""

import os
from collections.abc import Callable
from datetime import timedelta
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

from backups.bench.fill import fill
from backups.bench.report import Report, p95
from backups.listing.backups import BACKUPS
from backups.listing.cursor import LAST
from backups.models import Backup

FILTERS = (
    *("", "status=available", "status=error", "kind=full", "cloud=bench", "tracking_state=fresh", "size_min=100"),
    *("created_at_after=2026-01-01", "chain_size_mb_min=1000", "tag=q4", "name=null"),
)
LIST_MS, SEARCH_MS, HOME_MS, POLL_MS, LAST_TIMES, GROWTH = 60, 150, 80, 8, 1.3, 1.5
TIMES = 8  # of each of the filters in each of the orders


def empty(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("")


class Empty:
    """The site's own addresses and one view that does nothing, behind the same middleware."""

    urlpatterns = (path("bench-empty/", empty), path("", include(settings.ROOT_URLCONF)))


def run(report: Report) -> None:
    most = int(os.environ.get("VBSDASH_BENCH_BACKUPS", "100000"))
    with override_settings(ROOT_URLCONF=Empty, ALLOWED_HOSTS=["*"]):
        web = Client(raise_request_exception=True)
        web.force_login(User.objects.get_or_create(username="bench")[0])
        fill(min(1000, most), now=timezone.now())
        small = _get(web, "/backups/")
        fill(most, now=timezone.now())
        _touch()
        _pages(report, web, small, most)


def _pages(report: Report, web: Client, small: float, n: int) -> None:
    bare = _get(web, "/bench-empty/")
    report.head(f"Pages of {n:,} backups, 95th percentile of the server's time, against an empty view")
    walls = {
        (query, order): _get(web, f"/backups/?{query}&ordering={order}")
        for query, order in product(FILTERS, BACKUPS.orderings)
    }
    worst = max(walls, key=lambda key: walls[key])
    report.row(f"list, the median of {len(walls)} filters × orders", median(walls.values()), "ms", reference=bare)
    report.row(f"list, the slowest: {worst[0] or 'no filter'}, {worst[1]}"[:58], walls[worst], "ms", most=LIST_MS)
    report.row("list, free text", _get(web, "/backups/?q=kafka"), "ms", most=SEARCH_MS)
    first = _get(web, "/backups/")
    last = _get(web, f"/backups/?cursor={LAST.write(BACKUPS, BACKUPS.default_order)}")
    report.row("list, the last page against the first", last, "ms", reference=first, most=LAST_TIMES)
    report.row(f"list, {n:,} against 1,000 backups", first, "ms", reference=small, most=GROWTH)
    report.row("home", _get(web, "/"), "ms", most=HOME_MS)
    report.row("a question with nothing new", _poll(web), "ms", most=POLL_MS)
    report.row("queries of the list", _queries(web, "/backups/"), "", most=12)


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


def _touch() -> None:
    """Everything is known, as in an installation that keeps up; the planner of PostgreSQL has seen the rows."""
    Backup.objects.update(stale_at=timezone.now() + timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
