"""What it costs to judge which alarms there are: after a batch of answers, and each minute.

Home's own summary of the same rows stands beside it: both read the same findings.
"""

from datetime import timedelta

from django.utils import timezone

from backups.alarms import evaluate
from backups.bench.fill import BATCH, CLOUD, ready
from backups.bench.report import Report, p95, spent
from backups.derived.findings import note
from backups.models import FULL_ACCESS, Alarm, Backup
from backups.models.data_version import data_changed
from backups.reports.summary import summary

FAULTS = 200
TIMES = 20


def run(report: Report) -> None:
    now = timezone.now()
    ready(now)
    report.head(f"Judging alarms at {Backup.objects.count():,} backups")
    report.row("home's summary of the same", p95(lambda: summary(now, access=FULL_ACCESS)), "ms")
    evaluate.evaluate(now)
    report.row("alarms that are open", Alarm.objects.open().count(), "")

    def judge_batch() -> None:
        # Something that is shown has changed: without it nothing would be judged.
        data_changed()
        evaluate.evaluate_cloud(CLOUD, now)

    report.row(f"p95 after a batch of {BATCH:,}", p95(judge_batch, times=TIMES), "ms", most=150)
    newest = Backup.objects.filter(status="available").newest_first()
    ids = list(newest.values_list("pk", flat=True)[:FAULTS])
    Backup.objects.filter(pk__in=ids).update(status="error_restoring")
    note(ids, now)
    later = now + timedelta(seconds=1)
    report.row(
        f"after a batch of {BATCH:,} with {FAULTS} faults",
        spent(lambda: evaluate.evaluate_cloud(CLOUD, later)).wall * 1000,
        "ms",
    )
    report.row("alarms that are open", Alarm.objects.open().count(), "")
    report.row(
        "p95 of all, each minute",
        p95(lambda: evaluate.evaluate(now), times=TIMES),
        "ms",
        most=1000,
    )
