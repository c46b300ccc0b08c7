"""What a scrape of /metrics costs with many backups tracked, with and without the
series of single disks.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from backups.bench.fill import ready
from backups.bench.report import Report, p95
from backups.edits import tokens
from backups.models import Backup, Volume

TIMES = 15


def run(report: Report) -> None:
    now = timezone.now()
    ready(now)
    report.head(
        f"A scrape at {Backup.objects.count():,} backups of {Volume.objects.count():,} disks"
    )
    user, _ = User.objects.get_or_create(username="prometheus")
    key = tokens.create(user=user, read_only=True, now=now).key
    client = Client(headers={"Authorization": f"Bearer {key}"})

    def scrape() -> Any:
        answer = client.get("/metrics")
        assert answer.status_code == 200  # noqa: S101 - a figure of a failure would be no figure
        return answer

    with override_settings(ALLOWED_HOSTS=[*settings.ALLOWED_HOSTS, "testserver"]):
        report.row("lines", scrape().content.count(b"\n"), "")
        report.row("p95, with a series for each disk", p95(scrape, times=TIMES), "ms", most=1000)
        with override_settings(METRICS_PER_DISK=False):
            report.row("p95, without", p95(scrape, times=TIMES), "ms", most=1000)
