"""How long it takes to judge everything again, and after one batch; and what a page of disks
costs.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backups.analysis.facts import Fact
from backups.bench.fill import CLOUD, ready
from backups.bench.report import Report, p95, size, spent
from backups.derived import findings
from backups.derived.volumes import derive, derive_all
from backups.models import Backup, Volume
from backups.refresh import type_interpretation
from backups.reports import volumes

BATCH = 1000
PAGE = 50


def run(report: Report) -> None:
    now = timezone.now()
    ready(now)
    derive_all(CLOUD, now)
    volumes = Volume.objects.count()
    report.head(f"Analysis of {Backup.objects.count():,} backups on {volumes:,} disks")
    _all(report, now)
    _batch(report, now)
    _pages(report, now)
    with transaction.atomic():
        _crowded(report, now)
        transaction.set_rollback(True)


def core(work: Callable[[], object]) -> float:
    """Seconds of one core. SQLite works in this process; what PostgreSQL's takes is within the wall
    time.
    """
    took = spent(work)
    return took.cpu if connection.vendor == "sqlite" else took.wall


def _all(report: Report, now: datetime) -> None:
    """Everything is computed; of every disk something is stored anew, of backups nothing has to
    be.
    """
    bare = core(lambda: sum(1 for _ in Backup.objects.values_list(*Fact._fields).iterator()))
    Volume.objects.update(
        tracked=0, last_good=None, last_good_at=None, late_at=None, chain_size_mb=None
    )
    kinds = core(lambda: type_interpretation.judge_again(CLOUD))
    found = core(lambda: findings.note_all(CLOUD, now))
    volumes = core(lambda: derive_all(CLOUD, now))
    report.row("every kind", kinds, "s")
    report.row("every cause, outcome and flight", found, "s")
    report.row("every chain, rule and protection", volumes, "s")
    report.row("all of it", kinds + found + volumes, "s", most=10)
    report.row(
        "… against reading the same rows, computing nothing",
        kinds + found + volumes,
        "s",
        reference=bare,
    )
    Backup.objects.update(kind="unknown", kind_source=None)
    report.row(
        "every kind stored anew, as for another reading",
        core(lambda: type_interpretation.judge_again(CLOUD)),
        "s",
    )


def _batch(report: Report, now: datetime) -> None:
    """After 1,000 changed backups: of as few disks as they can be of, and each of another disk."""
    few = list(Backup.objects.order_by("volume_id").values_list("volume_id", flat=True)[:BATCH])
    many = list(islice(Volume.objects.order_by("pk").values_list("volume_id", flat=True), BATCH))
    _after(report, "few disks", few, now)
    _after(report, "1,000 disks", many, now)


def _after(report: Report, name: str, volumes: Sequence[str | None], now: datetime) -> None:
    ids: list[UUID] = []
    for at in range(0, len(volumes), 500):
        mine = Backup.objects.filter(volume_id__in=volumes[at : at + 500])
        mine.update(chain_size_mb=F("chain_size_mb") + 1)
        ids += mine.order_by("-created_at").values_list("pk", flat=True)[:500]
    took = core(lambda: findings.note(ids, now)) + core(lambda: derive(CLOUD, volumes, now))
    report.row(f"after a batch of 1,000 on {name}", took, "s", most=1.3)


def _pages(report: Report, now: datetime) -> None:
    rows = Volume.objects.order_by("overdue_at", "pk")
    with CaptureQueriesContext(connection) as asked:
        volumes.volume_states(rows[:PAGE], now)
    report.row(f"queries of a page of {PAGE} disks with their chains", len(asked), "", most=3)
    report.row("… its time, p95", p95(lambda: volumes.volume_states(rows[:PAGE], now)), "ms")
    one = rows.values_list("volume_id", flat=True)[0]
    with CaptureQueriesContext(connection) as asked:
        volumes.volume_detail(CLOUD, one, now)
    report.row("queries of one disk's page", len(asked), "", most=3)
    report.row("… its time, p95", p95(lambda: volumes.volume_detail(CLOUD, one, now)), "ms")
    words = p95(lambda: volumes.volume_states(rows, now, chains=False), times=5)
    report.row("the word of every disk, p95", words, "ms")


def _crowded(report: Report, now: datetime) -> None:
    """A disk that half of all backups are of: derived after a batch, told, and undone again."""
    crowd = Backup.objects.order_by("pk").values("pk")[: size() // 2]
    Backup.objects.filter(pk__in=crowd).update(volume_id="crowded")
    report.row(
        f"a disk with {size() // 2:,} backups, derived",
        core(lambda: derive(CLOUD, ["crowded"], now)),
        "s",
    )
    report.row("… and told", core(lambda: volumes.volume_detail(CLOUD, "crowded", now)), "s")
