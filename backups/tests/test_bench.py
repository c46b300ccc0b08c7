"""The bench's own parts, so that a figure it prints can be believed."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from backups.bench.fill import fill
from backups.bench.report import Report
from backups.management.commands.bench import CLOUDS_FILE
from backups.models import Backup
from backups.vbs.clouds import CloudConfig, load_clouds


def bench_cloud(folder: Path) -> Mapping[str, CloudConfig]:
    (folder / "clouds.yaml").write_text(CLOUDS_FILE)
    return load_clouds({"OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml")}, cwd=folder, home=folder)


@pytest.mark.django_db
def test_filling_tracks_decoded_backups_and_a_second_time_adds_nothing(settings: Any, tmp_path: Path) -> None:
    settings.CLOUDS = bench_cloud(tmp_path)
    now = timezone.now()
    fill(300, now=now)
    fill(300, now=now)
    rows = Backup.objects.all()
    assert rows.count() == 300
    assert {row.refreshed_at for row in rows} == {now}
    assert rows.values("volume_id").distinct().count() > 20
    assert rows.filter(chain_size_mb__gt=0).count() > 200


def test_a_figure_is_judged_by_its_ratio_where_there_is_a_reference() -> None:
    out = io.StringIO()
    report = Report(out, where="sqlite")
    report.row("single GET", 14.0, "ms", reference=10.0, most=1.5)
    report.row("sweep", 21.0, "ms", reference=10.0, most=2.0)
    report.row("rate", 150.0, "/s", least=200)
    assert report.missed == ["sqlite: sweep", "sqlite: rate"]
    lines = out.getvalue().splitlines()
    assert [line.split()[-1] for line in lines] == ["ok", "MISSED", "MISSED"]
    assert "=   1.40 × 10 ms" in lines[0]


def test_a_measurement_that_does_not_exist_is_named() -> None:
    with pytest.raises(CommandError, match="There is no measurement 'nothing'"):
        call_command("bench", "nothing")
