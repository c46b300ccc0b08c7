"""The bench's own parts, so that a figure it prints can be believed."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from django.core.management import CommandError, call_command
from django.utils import timezone

from backups.bench.fill import fill
from backups.bench.report import Report
from backups.bench.rig import bare
from backups.bench.rig.cloud import CloudProcess
from backups.management.commands.bench import CLOUDS_FILE
from backups.models import Backup
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.clouds import load_clouds


def bench_cloud(folder: Path) -> Mapping[str, CloudConfig]:
    (folder / "clouds.yaml").write_text(CLOUDS_FILE)
    return load_clouds(
        {"OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml")}, cwd=folder, home=folder
    )


@pytest.mark.django_db(transaction=True)  # it ends with a VACUUM
def test_filling_tracks_decoded_backups_and_a_second_time_adds_nothing(
    settings: Any, tmp_path: Path
) -> None:
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


def test_a_cloud_in_a_process_of_its_own_is_asked_through_a_pipe() -> None:
    with CloudProcess(backups=30) as cloud:
        url, token, ids = cloud.ask("vbs_endpoint"), cloud.ask("issue_token"), cloud.ask("ids")
        assert bare.single_gets(url, token, ids) > 0
        assert bare.list_pages(url, token, len(ids), page=10, entries=100) > 0
        assert cloud.ask("max_in_flight_per_backup") == 1
        cloud.refuse_lists()
        assert (
            requests.get(f"{url}/backups/detail", headers={"X-Auth-Token": token}).status_code
            == 403
        )
        pid = cloud.pid
    assert not psutil.pid_exists(pid)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of openstacksdk itself
def test_the_sdk_loops_read_stock_cinder() -> None:
    with CloudProcess(backups=30, flavor="cinder") as cloud:
        single, listed = bare.sdk(cloud.ask("cloud_entry"), cloud.ask("ids"), entries=100)
    assert single > 0
    assert listed > 0
