"""A backup that the list names and the cloud does not answer for may be good: its disk
is unknown, not unprotected.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from backups.clouds import registry
from backups.edits import volume_edits
from backups.edits.common import Actor
from backups.models import FULL_ACCESS, Backup, Cloud, Volume
from backups.refresh import dispatcher, list_sweep, volume_list
from backups.reports.volumes import volume_states
from backups.simulator import Fault, Simulator
from backups.tests.otc import configure

pytestmark = [pytest.mark.either, pytest.mark.django_db]

HOUR = timedelta(hours=1)
VOLUME = str(uuid.UUID(int=0xD0))
REFUSED = Fault(kind="status", status=403, path="/backups/0")


@pytest.fixture
def sim(settings: Any, tmp_path: Path) -> Iterator[Simulator]:
    """Its lists lack keys, so each backup is asked for singly."""
    with Simulator(clock=timezone.now) as running:
        running.remove(running.seed_example_id)
        running.add_volume({"id": VOLUME, "name": "db", "size": 1})
        running.fault(Fault(kind="list_lacks_keys"))
        configure(settings, tmp_path, {"otc": running.cloud_entry(vbs_follow="all")})
        registry.ensure_rows()
        yield running
        registry.forget_clients()


def make(sim: Simulator, n: int, created_at: datetime | None, **words: Any) -> None:
    body = {
        "id": f"0000000{n}-0000-4000-8000-000000000000",
        "volume_id": VOLUME,
        "status": "available",
        "created_at": f"{created_at:%Y-%m-%dT%H:%M:%S.000000}" if created_at else None,
        "service_metadata": '{"progress": 100}',
    }
    sim.add({**body, **words})


def work(*, times: int = 3) -> None:
    for _ in range(times):
        for need in dispatcher.needs(timezone.now()):
            dispatcher.DO[need.work](need.cloud)


def word(cloud: str = "otc") -> str:
    """The cloud is taken as just heard, and what is known of backups as fresh: what is refused is
    one backup alone.
    """
    now = timezone.now()
    Backup.objects.filter(refreshed_at__isnull=False).update(stale_at=now + HOUR)
    Cloud.objects.filter(name=cloud).update(last_good_at=now, backups_listed_at=now)
    [state] = volume_states(Volume.objects.filter(volume_id=VOLUME), now, access=FULL_ACCESS)
    return state.protection


def test_the_only_backup(sim: Simulator) -> None:
    make(sim, 1, timezone.now() - HOUR)
    sim.fault(REFUSED)
    work()
    assert Backup.objects.filter(refreshed_at=None).count() == 1
    assert word() == "unknown"


def test_the_newest_one_of_a_disk_whose_last_good_one_is_old(
    sim: Simulator, clock: time_machine.Traveller
) -> None:
    make(sim, 1, timezone.now() - HOUR)
    work()
    assert word() == "protected"
    sim.fault(Fault(kind="status", status=403, path="/backups/00000002"))
    clock.shift(30 * HOUR)
    assert word() == "overdue"
    make(sim, 2, timezone.now() - HOUR)
    list_sweep.look_for_new("otc")
    assert word() == "unknown"
    sim.clear_faults()
    work()
    assert word() == "protected"


def test_an_old_one_that_is_refused_hides_no_overdue_disk(
    sim: Simulator, clock: time_machine.Traveller
) -> None:
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
    list_sweep.sweep("otc")
    Volume.objects.update(derive_at=timezone.now())
    work()
    assert word() == "unknown"


def test_the_only_backup_that_is_gone_makes_a_disk_that_was_never_backed_up_at_once(
    sim: Simulator, clock: time_machine.Traveller
) -> None:
    make(sim, 1, timezone.now() - HOUR)
    work()
    assert word() == "protected"
    sim.remove("00000001-0000-4000-8000-000000000000")
    for _ in range(2):  # a second look has to say the same
        clock.shift(timedelta(minutes=20))
        Backup.objects.update(next_refresh_at=timezone.now())
        work()
    assert Backup.objects.get().gone_at is not None
    assert word() == "never"


def test_a_newer_one_that_failed_hides_no_overdue_disk(
    sim: Simulator, clock: time_machine.Traveller
) -> None:
    make(sim, 1, timezone.now() - HOUR)
    work()
    clock.shift(30 * HOUR)
    sim.fault(Fault(kind="status", status=403, path="/backups/00000002"))
    make(sim, 2, timezone.now() - HOUR, status="error")
    list_sweep.look_for_new("otc")
    assert word() == "overdue"


def test_one_of_a_cloud_that_is_gone_says_nothing(
    sim: Simulator, clock: time_machine.Traveller
) -> None:
    """Its cloud is configured no more, so nobody learns that it was deleted."""
    make(sim, 1, timezone.now() - HOUR)
    work()
    clock.shift(30 * HOUR)
    Cloud.objects.create(name="old", last_good_at=timezone.now() - HOUR)
    left = {
        "cloud_id": "old",
        "volume_id": VOLUME,
        "status": "available",
        "created_at": timezone.now() - HOUR,
    }
    Backup.objects.create(
        id=uuid.UUID(int=9), tracked_at=timezone.now(), refreshed_at=timezone.now(), **left
    )
    assert word("otc") == "overdue"
    Cloud.objects.filter(name="old").update(last_good_at=timezone.now())
    [state] = volume_states(
        Volume.objects.filter(volume_id=VOLUME), timezone.now(), access=FULL_ACCESS
    )
    assert state.protection == "unknown"


def test_one_without_a_time_or_of_the_future_is_not_the_newest_known_one(
    sim: Simulator, clock: time_machine.Traveller
) -> None:
    make(sim, 1, timezone.now() - HOUR)
    make(sim, 2, timezone.now() + timedelta(days=400))
    make(sim, 3, None)
    work()
    sim.fault(Fault(kind="status", status=403, path="/backups/00000004"))
    clock.shift(30 * HOUR)
    make(sim, 4, timezone.now() - HOUR)
    list_sweep.sweep("otc")
    assert word() == "unknown"


def test_one_of_a_disk_that_was_registered_by_hand(
    settings: Any, tmp_path: Path, sim: Simulator, clock: time_machine.Traveller
) -> None:
    configure(settings, tmp_path, {"otc": sim.cloud_entry(vbs_follow="none")})
    registry.ensure_rows()
    make(sim, 1, timezone.now() - HOUR)
    actor = Actor("operator", timezone.now())
    another = str(uuid.uuid4())
    volume_edits.register("otc", another, actor=actor)
    volume_edits.set_follow([("otc", another)], True, actor=actor)
    work()
    clock.shift(timedelta(seconds=10))
    actor = Actor("operator", timezone.now())
    volume_edits.register("otc", VOLUME, actor=actor)
    volume_edits.set_follow([("otc", VOLUME)], True, actor=actor)
    assert word() == "unknown"
    work()
    assert word() == "protected"


@pytest.mark.parametrize("volume_id", [[], {}, [["a"]], {"a": 1}, 0, False, 1.5, None])
@pytest.mark.parametrize("follow", ["disks", "all"])
def test_an_entry_with_a_disk_that_is_none_stops_no_list(
    settings: Any, tmp_path: Path, sim: Simulator, follow: str, volume_id: Any
) -> None:
    configure(settings, tmp_path, {"otc": sim.cloud_entry(vbs_follow=follow)})
    registry.ensure_rows()
    make(sim, 1, timezone.now() - HOUR, volume_id=volume_id)
    make(sim, 2, timezone.now())
    list_sweep.sweep("otc")
    assert Cloud.objects.get().walked_at == timezone.now()
    assert Backup.objects.count() == (2 if follow == "all" else 0)


def test_what_an_empty_list_lacks_is_not_known(sim: Simulator) -> None:
    list_sweep.sweep("otc")
    cloud = Cloud.objects.get()
    assert (cloud.walked_at, cloud.list_lacks, cloud.list_error) == (timezone.now(), None, None)


def test_a_cloud_that_was_emptied_has_a_list_without_an_error(
    sim: Simulator, clock: time_machine.Traveller
) -> None:
    make(sim, 1, timezone.now() - HOUR)
    work()
    sim.remove("00000001-0000-4000-8000-000000000000")
    for _ in range(3):
        clock.shift(HOUR)
        list_sweep.sweep("otc")
        clock.shift(timedelta(minutes=1))
        list_sweep.look_for_new("otc")
        assert Cloud.objects.get().list_error is None


@pytest.mark.parametrize("way", ["pages", "API"])
def test_a_disk_that_is_followed_from_now_on_has_its_backups_looked_for(
    sim: Simulator, client: Client, admin_user: User, way: str
) -> None:
    list_sweep.sweep("otc")
    volume_list.read("otc", timezone.now())
    Cloud.objects.update(walk_asked_at=None)
    client.force_login(admin_user)
    for expected in (timezone.now(), None):  # once more changes nothing
        if way == "pages":
            client.post(f"/volumes/otc/{VOLUME}/set/", {"what": "follow", "follow": "yes"})
        else:
            address = f"/api/volumes/otc/{VOLUME}/"
            client.patch(address, {"follow": True}, content_type="application/json")
        assert Cloud.objects.get().walk_asked_at == expected
        Cloud.objects.update(walk_asked_at=None)


def test_a_disk_that_is_new_has_its_backups_counted_ten_minutes_after_the_last_walk(
    sim: Simulator,
) -> None:
    list_sweep.sweep("otc")
    now = timezone.now()
    Volume.objects.create(cloud_id="otc", volume_id="new", first_seen_at=now)
    for after, expected in (
        (timedelta(minutes=10), False),
        (timedelta(minutes=10, seconds=1), True),
    ):
        Cloud.objects.update(backups_listed_at=now + after)
        assert ("sweep" in [need.work for need in dispatcher.needs(now + after)]) is expected


def test_a_walk_that_was_asked_for_during_a_walk_comes_after_it(sim: Simulator) -> None:
    list_sweep.sweep("otc")
    now = timezone.now()
    Cloud.objects.update(
        walked_at=now, walk_asked_at=now + timedelta(seconds=1), backups_listed_at=now
    )
    assert "sweep" in [need.work for need in dispatcher.needs(now + timedelta(seconds=2))]


def test_a_list_of_disks_makes_the_list_of_backups_be_read_for_them(
    sim: Simulator, clock: time_machine.Traveller
) -> None:
    list_sweep.sweep("otc")
    clock.shift(timedelta(seconds=10))
    volume_list.read("otc", timezone.now())
    assert word() == "unknown"
    work()
    assert word() == "never"
