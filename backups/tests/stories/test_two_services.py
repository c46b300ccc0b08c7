"""An estate with policies on its way from VBS to CBR, by the engine over HTTP: what was promised is
judged, nothing is counted twice, and the second service costs little.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
import time_machine
from django.utils import timezone

from backups.clouds import registry
from backups.derived import queue
from backups.models import Backup, Cloud, Policy, Run, Volume
from backups.refresh import dispatcher, services
from backups.reports.home_counts import count_volumes
from backups.simulator import Simulator
from backups.tests.otc import configure

pytestmark = [pytest.mark.django_db]
DISKS = [f"3d0f6a52-77c1-4b0e-9a44-0c6b2f1d9e{n}" for n in range(10, 14)]
SERVER = "5b1d0a3e-2d0f-4e9e-8a44-0c6b2f1d9e99"
M = timedelta(minutes=1)
H = timedelta(hours=1)
DAY = timedelta(days=1)
CALLS_MAY_GROW_BY = 1.2
HOURLY = ("volumes/detail", "policies", "vaults", "operation-logs", "backuppolicy", "quota")


@contextmanager
def engine(
    settings: Any, folder: Path, *, api: str = "both", names: tuple[str, ...] = ("otc", "otc-cbr")
) -> Iterator[Simulator]:
    with Simulator(clock=timezone.now, api=api) as sim:
        sim.remove(sim.seed_example_id)
        for number, volume_id in enumerate(DISKS):
            sim.add_volume({"id": volume_id, "name": f"disk-{number}", "size": 20})
        words: dict[str, Any] = {"vbs_requests_per_second": 0, "vbs_follow": "all"}
        entries = {}
        for name in names:
            service: Literal["vbs", "cbr"] = "cbr" if name.endswith("-cbr") else "vbs"
            entries[name] = sim.cloud_entry(api=service, vbs_api=service, **words)
        configure(settings, folder, entries)
        registry.ensure_rows()
        yield sim
        registry.forget_clients()


def work(clock: time_machine.Traveller, lasting: timedelta, *, step: timedelta = M) -> None:
    """Lets the engine do what there is to do, step by step."""
    end = timezone.now() + lasting
    while timezone.now() < end:
        services.ensure(timezone.now())
        for need in dispatcher.needs(timezone.now()):
            dispatcher.DO[need.work](need.cloud)
        clock.shift(step)


def move_to(clock: time_machine.Traveller, hour: int) -> datetime:
    """Sets the clock to the next time that it is so late, in UTC; returns the time."""
    now = timezone.now()
    at = datetime(now.year, now.month, now.day, hour, tzinfo=UTC)
    if at <= now:
        at += DAY
    clock.move_to(at)
    return at


def outcomes(slot: datetime) -> dict[str, str]:
    rows = Run.objects.filter(slot_at=slot, volume__counted_under=None)
    return dict(rows.values_list("volume__volume_id", "outcome"))


def test_the_runs_of_last_night_are_judged_in_vbs(
    settings: Any, tmp_path: Path, clock: time_machine.Traveller
) -> None:
    with engine(settings, tmp_path, api="vbs", names=("otc",)) as sim:
        made, skipped, failed, unlogged = DISKS
        policy_id = sim.add_policy("nightly", volumes=DISKS, keep=3, history=5 * DAY)
        work(clock, 3 * M)
        tonight = move_to(clock, 22)
        sim.deviate(policy_id, tonight, "skipped", resource_id=skipped)
        sim.deviate(
            policy_id,
            tonight,
            "failed",
            code="VolumeBackup.0064",
            message="No.",
            resource_id=failed,
        )
        sim.deviate(policy_id, tonight, "unlogged", resource_id=unlogged)
        clock.shift(5 * H)
        work(clock, 10 * M)
        clock.shift(H)
        work(clock, 10 * M)
        assert outcomes(tonight) == {
            made: "made",
            skipped: "skipped",
            failed: "failed",
            unlogged: "never_started",
        }
        words = set(Volume.objects.values_list("schedule_read", "policy__name"))
        assert words == {("scheduled", "nightly")}
        before = set(
            Run.objects.filter(slot_at__lt=tonight - DAY).values_list("outcome", flat=True)
        )
        assert before == {"not_known"}
        run = Run.objects.get(slot_at=tonight, volume__volume_id=failed)
        assert run.reason == "No."


def test_cbr_is_read_where_a_catalog_names_a_cinder_of_volumes_alone_beside_it(
    settings: Any, tmp_path: Path, clock: time_machine.Traveller
) -> None:
    with Simulator(clock=timezone.now, api="cbr", backups=5) as sim:
        configure(settings, tmp_path, {"new": sim.cloud_entry(vbs_follow="all")})
        registry.ensure_rows()
        work(clock, 10 * M)
        cloud = Cloud.objects.get()
        assert (cloud.catalog_type, cloud.error) == ("cbr", None)
        assert registry.api(cloud, registry.configured()["new"]) == "cbr"
        assert Backup.objects.filter(refreshed_at__isnull=False).exists()
        registry.forget_clients()


def test_cbr_tells_vaults_runs_and_reasons(
    settings: Any, tmp_path: Path, clock: time_machine.Traveller
) -> None:
    with engine(settings, tmp_path, api="cbr", names=("otc-cbr",)) as sim:
        alone, of_server, also_of_server, outside = DISKS
        for number, volume_id in enumerate((of_server, also_of_server)):
            attached = [{"server_id": SERVER, "device": f"/dev/vd{number}"}]
            sim.add_volume({"id": volume_id, "name": volume_id, "size": 1, "attachments": attached})
        # That no list of volumes named it would leave open whether a server has it.
        sim.add_volume({"id": outside, "name": outside, "size": 1, "attachments": []})
        policy_id = sim.add_policy("daily", api="cbr", keep=3)
        sim.add_vault(
            "vault",
            policy_id=policy_id,
            volumes=[alone],
            servers={SERVER: [of_server, also_of_server]},
        )
        work(clock, 5 * M)
        assert Cloud.objects.get().policies_error is None
        words = dict(Volume.objects.values_list("volume_id", "schedule_read"))
        assert words == {
            alone: "scheduled",
            of_server: "scheduled",
            also_of_server: "scheduled",
            outside: "none",
        }
        tonight = move_to(clock, 22)
        sim.deviate(
            policy_id,
            tonight,
            "failed",
            code="BackupService.6114",
            message="The vault is full.",
            resource_id=alone,
        )
        clock.shift(H)
        work(clock, 80 * M)
        assert outcomes(tonight) == {alone: "failed", of_server: "made", also_of_server: "made"}
        backup = Backup.objects.get(volume_id=alone)
        assert (backup.status, backup.fail_reason) == (
            "error",
            "BackupService.6114: The vault is full.",
        )
        children = Backup.objects.filter(volume_id__in=(of_server, also_of_server))
        assert {child.status for child in children} == {"available"}
        assert Volume.objects.get(volume_id=of_server).last_good_at is not None


@pytest.mark.parametrize("same_ids", [True, False])
def test_an_estate_moves_day_by_day_and_nothing_is_counted_twice(
    settings: Any, tmp_path: Path, clock: time_machine.Traveller, *, same_ids: bool
) -> None:
    with engine(settings, tmp_path) as sim:
        sim.doubt(same_ids=same_ids, backup_size="mb")
        sim.add_policy("nightly", volumes=DISKS, keep=3, history=3 * DAY)
        cbr_policy = sim.add_policy("daily", api="cbr", keep=3)
        vault_id = sim.add_vault("vault", policy_id=cbr_policy)
        work(clock, 20 * M)
        moved: list[str] = []
        for volume_id in [*DISKS, None]:
            move_to(clock, 22)
            clock.shift(30 * M)
            work(clock, 15 * M)
            counts = count_volumes(Volume.objects.counted(), timezone.now())
            states = {(count.protection, count.count) for count in counts}
            assert (len(moved), states) == (len(moved), {("protected", len(DISKS))})
            known = Backup.objects.filter(same_as=None, gone_at=None).values_list(
                "volume_id", "created_at"
            )
            minutes = Counter((name, at and at.replace(second=0)) for name, at in known)
            assert set(minutes.values()) == {1}
            if volume_id is not None:
                sim.move_volumes(volume_id)
                moved.append(volume_id)
                left = [name for name in DISKS if name not in moved]
                sim.change_policy(Policy.objects.get(cloud="otc").policy_id, volumes=tuple(left))
                sim.change_vault(vault_id, resources=tuple(_resources(moved)))
        sim.end_service("vbs")
        registry.forget_clients()
        for _ in range(3):
            clock.shift(20 * M)
            work(clock, 10 * M)
        assert Cloud.objects.get(pk="otc").service_ended_at is not None
        assert Cloud.objects.get(pk="otc-cbr").service_ended_at is None
        counted = Volume.objects.counted()
        assert {volume.cloud_id for volume in counted} == {"otc-cbr"}
        counts = count_volumes(counted, timezone.now())
        assert {(count.protection, count.count) for count in counts} == {("protected", len(DISKS))}


def _resources(volume_ids: list[str]) -> list[Any]:
    from backups.simulator.policy import Resource

    return [Resource(id=volume_id, name=volume_id, size_gb=20) for volume_id in volume_ids]


def calls(sim: Simulator) -> int:
    """How many calls there were but for those that are made once an hour, and sign-ins."""
    return sum(
        1
        for call in sim.requests
        if call.method == "GET" and not any(word in call.path for word in HOURLY)
    )


def test_a_second_service_costs_at_most_a_fifth_more_calls(
    settings: Any, tmp_path: Path, clock: time_machine.Traveller
) -> None:
    counts: dict[int, int] = {}
    for names in (("otc",), ("otc", "otc-cbr")):
        Backup.objects.all().delete()
        Run.objects.all().delete()
        Volume.objects.all().delete()
        Policy.objects.all().delete()
        with engine(settings, tmp_path, names=names) as sim:
            sim.add_policy("nightly", volumes=DISKS, keep=3, history=3 * DAY)
            sim.move_volumes(*DISKS)
            work(clock, 30 * M, step=timedelta(seconds=30))
            sim.forget_requests()
            work(clock, H, step=timedelta(seconds=20))
            counts[len(names)] = calls(sim)
        queue.derive_due("otc", timezone.now())
    assert counts[2] <= CALLS_MAY_GROW_BY * counts[1]
