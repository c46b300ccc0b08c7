"""A backup that the list names and the cloud does not answer for may be good: its disk is unknown, not unprotected."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from backups.engine import clouds, disk_list, dispatch, sweep, volume_edits
from backups.engine.volume_edits import Hand
from backups.engine.volumes import volume_states
from backups.models import Backup, Cloud, Volume
from backups.tests.otc import configure
from backups.vbs.simulator import Fault, Simulator

pytestmark = [pytest.mark.either, pytest.mark.django_db]

HOUR = timedelta(hours=1)
DISK = "disk-0"
REFUSED = Fault(kind="status", status=403, path="/backups/0")


@pytest.fixture
def sim(settings: Any, tmp_path: Path) -> Iterator[Simulator]:
    """Its lists lack keys, so each backup is asked for singly."""
    with Simulator(clock=timezone.now) as running:
        running.remove(running.seed_example_id)
        running.add_volume({"id": DISK, "name": "db", "size": 1})
        running.fault(Fault(kind="list_lacks_keys"))
        configure(settings, tmp_path, {"otc": running.cloud_entry(vbs_follow="all")})
        clouds.ensure_rows()
        yield running
        clouds.forget_clients()


def make(sim: Simulator, n: int, created_at: datetime, **words: Any) -> None:
    body = {
        "id": f"0000000{n}-0000-4000-8000-000000000000",
        "volume_id": DISK,
        "status": "available",
        "created_at": f"{created_at:%Y-%m-%dT%H:%M:%S.000000}",
        "service_metadata": '{"progress": 100}',
    }
    sim.add({**body, **words})


def work(*, times: int = 3) -> None:
    for _ in range(times):
        for need in dispatch.needs(timezone.now()):
            dispatch.DO[need.work](need.cloud)


def word() -> str:
    """The cloud is taken as just heard, and what is known of backups as fresh: what is refused is one backup alone."""
    now = timezone.now()
    Backup.objects.filter(refreshed_at__isnull=False).update(stale_at=now + HOUR)
    Cloud.objects.update(last_good_at=now, backups_listed_at=now)
    [state] = volume_states(Volume.objects.filter(volume_id=DISK), now)
    return state.protection


def test_the_only_backup(sim: Simulator) -> None:
    make(sim, 1, timezone.now() - HOUR)
    sim.fault(REFUSED)
    work()
    assert Backup.objects.filter(refreshed_at=None).count() == 1
    assert word() == "unknown"


def test_the_newest_one_of_a_disk_whose_last_good_one_is_old(sim: Simulator, clock: time_machine.Traveller) -> None:
    make(sim, 1, timezone.now() - HOUR)
    work()
    assert word() == "protected"
    sim.fault(Fault(kind="status", status=403, path="/backups/00000002"))
    clock.shift(30 * HOUR)
    assert word() == "overdue"
    make(sim, 2, timezone.now() - HOUR)
    sweep.look_for_new("otc")
    assert word() == "unknown"
    sim.clear_faults()
    work()
    assert word() == "protected"


def test_an_old_one_that_is_refused_hides_no_overdue_disk(sim: Simulator, clock: time_machine.Traveller) -> None:
    make(sim, 1, timezone.now() - 3 * HOUR)
    make(sim, 2, timezone.now() - HOUR)
    sim.fault(Fault(kind="status", status=403, path="/backups/00000001"))
    work()
    clock.shift(30 * HOUR)
    assert word() == "overdue"


def test_one_beside_another_one_that_is_gone(sim: Simulator, clock: time_machine.Traveller) -> None:
    make(sim, 1, timezone.now() - HOUR)
    work()
    sim.remove("00000001-0000-4000-8000-000000000000")
    Backup.objects.update(gone_at=timezone.now(), stale_at=None)
    sim.fault(REFUSED)
    make(sim, 2, timezone.now() - 2 * HOUR)
    sweep.sweep("otc")
    Volume.objects.update(derive_at=timezone.now())
    work()
    assert word() == "unknown"


def test_one_of_a_disk_that_was_registered_by_hand(settings: Any, tmp_path: Path, sim: Simulator) -> None:
    configure(settings, tmp_path, {"otc": sim.cloud_entry(vbs_follow="none")})
    clouds.ensure_rows()
    make(sim, 1, timezone.now() - HOUR)
    hand = Hand("operator", timezone.now())
    volume_edits.register("otc", "another", hand=hand)
    volume_edits.set_follow([("otc", "another")], True, hand=hand)
    work()
    volume_edits.register("otc", DISK, hand=hand)
    volume_edits.set_follow([("otc", DISK)], True, hand=hand)
    assert word() == "unknown"
    work()
    assert word() == "protected"


@pytest.mark.parametrize("volume_id", [[], {}, [["a"]], {"a": 1}, 0, False, 1.5, None])
@pytest.mark.parametrize("follow", ["disks", "all"])
def test_an_entry_with_a_disk_that_is_none_stops_no_list(
    settings: Any, tmp_path: Path, sim: Simulator, follow: str, volume_id: Any
) -> None:
    configure(settings, tmp_path, {"otc": sim.cloud_entry(vbs_follow=follow)})
    clouds.ensure_rows()
    make(sim, 1, timezone.now() - HOUR, volume_id=volume_id)
    make(sim, 2, timezone.now())
    sweep.sweep("otc")
    assert Cloud.objects.get().walked_at == timezone.now()
    assert Backup.objects.count() == (2 if follow == "all" else 0)


def test_what_an_empty_list_lacks_is_not_known(sim: Simulator) -> None:
    sweep.sweep("otc")
    cloud = Cloud.objects.get()
    assert (cloud.walked_at, cloud.list_lacks, cloud.list_error) == (timezone.now(), None, None)


def test_a_list_of_disks_makes_the_list_of_backups_be_read_for_them(sim: Simulator) -> None:
    sweep.sweep("otc")
    disk_list.read("otc", timezone.now())
    assert word() == "unknown"
    work()
    assert word() == "never"
