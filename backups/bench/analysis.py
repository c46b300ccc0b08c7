"""How long it takes to judge everything again, and after one batch; and what a
page of disks costs.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
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
from backups.models import FULL_ACCESS, Backup, Volume
from backups.refresh import type_interpretation
from backups.reports import volumes

BATCH = 1000  # Backups.
PAGE = 50  # Volumes.
IDS_PER_QUERY = 500


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
    """Returns seconds of one core. SQLite works in this process; what PostgreSQL's takes is within
    the wall time.
    """
    took = spent(work)
    return took.cpu if connection.vendor == "sqlite" else took.wall


def _all(report: Report, now: datetime) -> None:
    """Measures deriving everything. All is computed; of every volume something is stored anew, of
    backups nothing has to be.
    """
    bare = core(lambda: sum(1 for _ in Backup.objects.values_list(*Fact._fields).iterator()))
    Volume.objects.update(
        tracked=0, last_good=None, last_good_at=None, late_at=None, chain_size_mb=None
    )
    kinds = core(lambda: type_interpretation.judge_again(CLOUD))
    causes = core(lambda: findings.note_all(CLOUD, now))
    derived = core(lambda: derive_all(CLOUD, now))
    everything = kinds + causes + derived
    report.row("every kind", kinds, "s")
    report.row("every cause, outcome and flight", causes, "s")
    report.row("every chain, rule and protection", derived, "s")
    report.row("all of it", everything, "s", most=10)
    report.row(
        "… against reading the same rows, computing nothing", everything, "s", reference=bare
    )
    Backup.objects.update(kind="unknown", kind_source=None)
    report.row(
        "every kind stored anew, as for another reading",
        core(lambda: type_interpretation.judge_again(CLOUD)),
        "s",
    )


def _batch(report: Report, now: datetime) -> None:
    """Measures the work after 1,000 changed backups: of as few volumes as they can be of, and each
    of another volume.
    """
    by_volume = Backup.objects.order_by("volume_id").values_list("volume_id", flat=True)
    few = [volume_id for volume_id in by_volume[:BATCH] if volume_id is not None]
    many = list(Volume.objects.order_by("pk").values_list("volume_id", flat=True)[:BATCH])
    _after(report, "few disks", few, now)
    _after(report, "1,000 disks", many, now)


def _after(report: Report, name: str, volume_ids: Sequence[str], now: datetime) -> None:
    ids: list[UUID] = []
    for at in range(0, len(volume_ids), IDS_PER_QUERY):
        rows = Backup.objects.filter(volume_id__in=volume_ids[at : at + IDS_PER_QUERY])
        rows.update(chain_size_mb=F("chain_size_mb") + 1)
        ids += rows.order_by("-created_at").values_list("pk", flat=True)[:IDS_PER_QUERY]
    noted = core(lambda: findings.note(ids, now))
    derived = core(lambda: derive(CLOUD, volume_ids, now))
    report.row(f"after a batch of 1,000 on {name}", noted + derived, "s", most=1.3)


def _pages(report: Report, now: datetime) -> None:
    rows = Volume.objects.order_by("overdue_at", "pk")
    with CaptureQueriesContext(connection) as queries:
        volumes.volume_states(rows[:PAGE], now, access=FULL_ACCESS)
    report.row(f"queries of a page of {PAGE} disks with their chains", len(queries), "", most=3)
    report.row(
        "… its time, p95",
        p95(lambda: volumes.volume_states(rows[:PAGE], now, access=FULL_ACCESS)),
        "ms",
    )
    volume_id = rows.values_list("volume_id", flat=True)[0]
    with CaptureQueriesContext(connection) as queries:
        volumes.volume_detail(CLOUD, volume_id, now, access=FULL_ACCESS)
    report.row("queries of one disk's page", len(queries), "", most=3)
    report.row(
        "… its time, p95",
        p95(lambda: volumes.volume_detail(CLOUD, volume_id, now, access=FULL_ACCESS)),
        "ms",
    )
    states = p95(
        lambda: volumes.volume_states(rows, now, access=FULL_ACCESS, chains=False), times=5
    )
    report.row("the word of every disk, p95", states, "ms")


def _crowded(report: Report, now: datetime) -> None:
    """Measures a volume that half of all backups are of: derived after a batch,
    shown, and undone again.
    """
    crowd = Backup.objects.order_by("pk").values("pk")[: size() // 2]
    Backup.objects.filter(pk__in=crowd).update(volume_id="crowded")
    report.row(
        f"a disk with {size() // 2:,} backups, derived",
        core(lambda: derive(CLOUD, ["crowded"], now)),
        "s",
    )
    report.row(
        "… and told",
        core(lambda: volumes.volume_detail(CLOUD, "crowded", now, access=FULL_ACCESS)),
        "s",
    )
