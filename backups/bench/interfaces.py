"""Lists, table and adding at 100,000 backups: what other tools wait for."""

import math
import tempfile
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from celery import current_app
from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from backups.bench.fill import CLOUD, ready
from backups.bench.report import Report, p95, size, spent
from backups.bench.rig.processes import broker_at
from backups.edits import tokens, tracking
from backups.models import Backup, BackupTag
from backups.query.backups import BACKUPS

FILTERS = (
    "status=available",
    "status=error",
    "status=creating",
    f"cloud={CLOUD}",
    "kind=full",
    "tracking_state=fresh",
    "tracking_state=stale",
    "tracking_state=gone",
    "bootable=true",
    "encrypted=true",
    "size_min=100",
    "size_max=1",
    "storage_path=nowhere",
    "created_at_after=2026-01-01",
    "created_at_before=2026-01-01",
    "name=null",
    "chain_size_mb_min=1000",
    "fail_reason=null",
    "tag=bench",
    "service_type=vm",
    "deduplicated=true",
)
Reader = Callable[..., Any]  # Address and headers: Django's answer of a test.
SEARCHES = ("autobk", "nothing of the kind", "quota", "ä")


# Calls are counted in this process, and never refused.
@override_settings(REDIS_URL=None, API_RATE="1000000/minute")
def run(report: Report) -> None:
    ready(timezone.now())
    tagged = Backup.objects.order_by("id").values_list("pk", flat=True)[:500]
    tags = [BackupTag(backup_id=pk, tag="bench") for pk in tagged]
    BackupTag.objects.bulk_create(tags, ignore_conflicts=True)
    client = _client()
    get = _reader(client)
    report.head(f"Interfaces, {size():,} backups")
    report.bare = p95(lambda: get("/healthz"))
    report.row("an empty view, p95", report.bare, "ms")
    _lists(report, get)
    _pages(report, get)
    _table(report, get)
    _add(report, client)
    report.bare = 0


def _client() -> Client:
    user = User.objects.create_superuser(f"bench-{uuid.uuid4().hex[:8]}")
    key = tokens.create(user=user, now=timezone.now()).key
    return Client(headers={"Authorization": f"Token {key}"}, SERVER_NAME="localhost")


def _reader(client: Client) -> Reader:
    def get(address: str, **headers: str) -> Any:
        answer = client.get(address, headers=headers)
        if answer.status_code not in (200, 304):
            raise RuntimeError(f"{address}: {answer.status_code} {answer.content[:300]!r}")
        return answer

    return get


def _p95_of(walls: Iterable[float]) -> float:
    """Returns milliseconds, of seconds."""
    in_order = sorted(walls)
    return in_order[math.ceil(0.95 * len(in_order)) - 1] * 1000


def _lists(report: Report, get: Reader) -> None:
    """Measures each filter in each order, the second call of two; and free text."""
    walls: dict[str, float] = {}
    for where, order in product(FILTERS, BACKUPS.orderings):
        address = f"/api/backups/?{where}&ordering={order}"
        get(address)
        walls[address] = spent(partial(get, address)).wall
    report.row("100 rows, any filter in any order, p95", _p95_of(walls.values()), "ms", most=60)
    slowest = max(walls, key=lambda address: walls[address])
    report.row(f"  the slowest: {slowest.partition('?')[2]}"[:58], walls[slowest] * 1000, "ms")
    texts = [p95(partial(get, f"/api/backups/?q={q}"), times=10) for q in SEARCHES]
    report.row("100 rows, free text, p95", max(texts), "ms", most=150)
    report.row("100 rows, no filter, p95", p95(lambda: get("/api/backups/")), "ms", most=60)
    report.row(
        "1,000 rows as JSON, p95",
        p95(lambda: get("/api/backups/?limit=1000"), times=20),
        "ms",
        most=150,
    )
    tag = get("/api/backups/")["ETag"]
    same = p95(lambda: get("/api/backups/", **{"If-None-Match": tag}))
    report.row("the list, nothing new (304), p95", same, "ms", most=8)


def _pages(report: Report, get: Reader) -> None:
    """Walks all pages of a thousand; the last tenth against the first."""
    address = "/api/backups/?limit=1000&fields=id,status,created_at"
    walls: list[float] = []
    while address:
        began = time.perf_counter()
        next_address = get(address).json()["next"]
        walls.append(time.perf_counter() - began)
        address = next_address
    tenth = max(1, len(walls) // 10)
    # Without the first and the last page: one warms up, the other may be short.
    first = sum(walls[1 : tenth + 1]) / tenth * 1000
    last = sum(walls[-tenth - 1 : -1]) / tenth * 1000
    report.row("a page at the end of the walk", last, "ms", reference=first, most=1.3)


def _table(report: Report, get: Reader) -> None:
    """Measures all rows as CSV, in time and in memory: the peak over the first fifth against the
    peak over all.
    """
    part = _csv_peak_mib(get, lines=size() // 5)
    whole = _csv_peak_mib(get, lines=size())
    report.row("CSV, memory at its peak", whole, "MiB", reference=part, most=1.2)
    took = spent(lambda: sum(len(chunk) for chunk in get("/api/backups.csv").streaming_content))
    report.row(f"CSV of {size():,} rows", took.wall, "s", most=15)


def _csv_peak_mib(get: Reader, *, lines: int) -> float:
    """Returns the memory that reading more than so many lines takes."""
    tracemalloc.start()
    seen = 0
    for chunk in get("/api/backups.csv?fields=id,status").streaming_content:
        seen += chunk.count(b"\n")
        if seen > lines:
            break
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def _add(report: Report, client: Client) -> None:
    ids = [str(uuid.uuid4()) for _ in range(1000)]
    body = {"cloud": CLOUD, "ids": ids}
    with tempfile.TemporaryDirectory(prefix="vbs") as name, broker_at(Path(name) / "broker") as url:
        current_app.conf.update(broker_write_url=url)
        took = spent(lambda: client.post("/api/backups/", body, content_type="application/json"))
    if Backup.objects.filter(pk__in=ids).count() != len(ids):
        raise RuntimeError("not all were added")
    report.row("POST of 1,000 IDs", took.wall, "s", most=1)
    tracking.untrack(ids)
