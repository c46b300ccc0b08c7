"""That a list does not name something proves nothing by itself: lists that flicker
never make anything untrue.

The lists are read over real HTTP from a simulated cloud whose clock the test sets.
"""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from backups.clouds import quota
from backups.derived import volumes as derive
from backups.models import FULL_ACCESS, Backup, Cloud, Volume
from backups.refresh import dispatcher, list_sweep, volume_list
from backups.reports.volumes import volume_states
from backups.simulator import Fault, Simulator
from backups.tests.accounts import make_operator
from backups.tests.otc import running

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
Clock = time_machine.Traveller


@pytest.fixture
def sim(settings: Any, tmp_path: Any) -> Iterator[Simulator]:
    with running(settings, tmp_path, entry={"vbs_follow": "all"}) as sim:
        sim.remove(sim.seed_example_id)
        yield sim


def have(sim: Simulator, n: int) -> list[str]:
    """`n` disks that the list has named once."""
    ids = [f"disk-{at:02}" for at in range(n)]
    for one in ids:
        sim.add_volume({"id": one, "name": f"name of {one}", "size": 10})
    volume_list.read("otc", timezone.now())
    assert deleted() == []
    return ids


def read_again(clock: Clock, after: timedelta) -> None:
    clock.shift(after)
    volume_list.read("otc", timezone.now())


def deleted() -> list[str]:
    gone = Volume.objects.filter(deleted_at__isnull=False).order_by("volume_id")
    return list(gone.values_list("volume_id", flat=True))


def problem() -> str | None:
    return Cloud.objects.get().volumes_error


@pytest.mark.parametrize(
    ("n", "unlisted", "lacked"),
    [
        (29, 29, "29 disks that are"),
        (10, 3, "3 disks that are"),
        (10, 2, "2 disks that are"),
        (10, 1, "1 disk that is"),
    ],
)
def test_disks_that_are_there_are_not_deleted_by_lists_that_lack_them(
    sim: Simulator, clock: Clock, n: int, unlisted: int, lacked: str
) -> None:
    ids = have(sim, n)
    sim.unlist_volumes(*ids[:unlisted])
    for _ in range(3):
        read_again(clock, HOUR)
        assert deleted() == []
        assert problem() == (
            f"The list of disks lacked {lacked} there when asked for by ID, so no disk counts as "
            "deleted by it."
        )
        assert Cloud.objects.get().volumes_due_at == timezone.now() + 10 * MINUTE
    assert Volume.objects.filter(missing_since__isnull=False).count() == 0
    sim.unlist_volumes()
    read_again(clock, 10 * MINUTE)
    assert problem() is None


def test_a_disk_that_is_gone_is_deleted_by_its_own_get_at_once(
    sim: Simulator, clock: Clock
) -> None:
    ids = have(sim, 5)
    sim.remove_volume(ids[0])
    read_again(clock, HOUR)
    assert deleted() == ids[:1]
    assert Volume.objects.get(volume_id=ids[0]).deleted_at == timezone.now()
    assert problem() is None


def test_many_that_are_gone_at_once_are_deleted_by_their_own_gets(
    sim: Simulator, clock: Clock
) -> None:
    ids = have(sim, 10)
    for one in ids[:9]:
        sim.remove_volume(one)
    read_again(clock, HOUR)
    assert deleted() == ids[:9]
    assert problem() is None
    # So much is looked at again soon.
    assert Cloud.objects.get().volumes_due_at == timezone.now() + 10 * MINUTE


def test_without_single_gets_a_second_list_decides_ten_minutes_later(
    sim: Simulator, clock: Clock
) -> None:
    ids = have(sim, 10)
    sim.fault(Fault(kind="status", status=403, path="/volumes/disk-"))
    sim.remove_volume(ids[0])
    clock.shift(HOUR)
    first = timezone.now()
    volume_list.read("otc", first)
    assert (deleted(), problem()) == ([], None)
    assert Cloud.objects.get().volumes_due_at == timezone.now() + 10 * MINUTE
    read_again(clock, 9 * MINUTE)
    assert deleted() == []
    read_again(clock, MINUTE)
    assert deleted() == ids[:1]
    assert Volume.objects.get(volume_id=ids[0]).deleted_at == first


def test_without_single_gets_a_disk_that_flickers_is_not_deleted(
    sim: Simulator, clock: Clock
) -> None:
    ids = have(sim, 10)
    sim.fault(Fault(kind="status", status=403, path="/volumes/disk-"))
    for _ in range(3):
        sim.unlist_volumes(ids[0])
        read_again(clock, 10 * MINUTE)
        sim.unlist_volumes()
        read_again(clock, 10 * MINUTE)
        assert deleted() == []


def test_a_list_that_one_single_get_proves_wrong_deletes_no_other_disk(
    sim: Simulator, clock: Clock
) -> None:
    ids = have(sim, 12)
    sim.fault(Fault(kind="status", status=403, path=f"/volumes/{ids[1]}"))
    sim.unlist_volumes(*ids[:2])
    for _ in range(3):
        read_again(clock, 10 * MINUTE)
        assert deleted() == []
        assert (problem() or "").startswith("The list of disks lacked 1 disk that is there")


def test_a_doubted_list_is_not_the_first_of_two(sim: Simulator, clock: Clock) -> None:
    ids = have(sim, 29)
    sim.fault(Fault(kind="status", status=403, path="/volumes/disk-"))
    sim.unlist_volumes(*ids)
    read_again(clock, HOUR)
    sim.unlist_volumes(ids[0])
    read_again(clock, 10 * MINUTE)
    assert deleted() == []
    read_again(clock, 10 * MINUTE)
    assert deleted() == ids[:1]


def test_a_list_with_an_entry_that_cannot_be_read_takes_no_disk_away(
    sim: Simulator, clock: Clock
) -> None:
    """It may be the one of the disk that is missing."""
    ids = have(sim, 10)
    sim.fault(Fault(kind="status", status=403, path="/volumes/disk-"))
    sim.unlist_volumes(ids[0])
    sim.add_volume({"id": "no\nid", "name": "x", "size": 1})
    for _ in range(3):
        read_again(clock, 10 * MINUTE)
        assert deleted() == []
        assert problem() == (
            "In the list of disks 1 entry has no ID that can be read, so no disk counts as "
            "deleted by it."
        )
    sim.clear_faults()
    sim.remove_volume(ids[0])
    read_again(clock, 10 * MINUTE)
    assert (deleted(), problem()) == (ids[:1], None)  # its own GET says so


def test_an_error_for_one_disk_hides_no_other_one_and_three_in_a_row_end_the_asking(
    sim: Simulator, clock: Clock
) -> None:
    ids = have(sim, 12)
    for one in ids[:8]:
        sim.remove_volume(one)
    for one in ids[:2]:
        sim.fault(Fault(kind="status", status=500, path=f"/volumes/{one}"))
    read_again(clock, HOUR)
    assert deleted() == ids[2:8]
    for one in ids[8:]:
        sim.remove_volume(one)
        sim.fault(Fault(kind="status", status=500, path=f"/volumes/{one}"))
    sim.forget_requests()
    read_again(clock, HOUR)
    assert deleted() == ids[2:8]
    assert len([request for request in sim.requests if "/volumes/disk-" in request.path]) == 3


def test_without_single_gets_a_doubted_list_decides_nothing_however_often_it_comes(
    sim: Simulator, clock: Clock, client: Client
) -> None:
    ids = have(sim, 29)
    sim.fault(Fault(kind="status", status=403, path="/volumes/disk-"))
    sim.unlist_volumes(*ids)
    for _ in range(5):
        read_again(clock, HOUR)
        assert deleted() == []
    doubt = "The list of disks named 0, and lacked 29 of 29 that were known: it is doubted"
    assert (problem() or "").startswith(doubt)
    client.force_login(make_operator("operator"))
    assert doubt in client.get("/clouds/").content.decode()


def test_a_list_cut_short_takes_no_disk_away(sim: Simulator, clock: Clock) -> None:
    ids = have(sim, 30)
    sim.fault(Fault(kind="status", status=500, path="/volumes/disk-"))
    sim.unlist_volumes(*ids[17:])
    read_again(clock, HOUR)
    read_again(clock, HOUR)
    assert deleted() == []


def test_a_deleted_disk_is_derived_so_that_nothing_of_it_is_missed_any_more(
    sim: Simulator, clock: Clock
) -> None:
    ids = have(sim, 5)
    sim.remove_volume(ids[0])
    before = Volume.objects.get(volume_id=ids[0]).contribution.outcomes
    assert sum(missed for _, _, missed in before.values()) > 0
    read_again(clock, HOUR)
    gone = Volume.objects.get(volume_id=ids[0])
    assert (gone.deleted_at, gone.derive_at) == (timezone.now(), None)
    assert sum(missed for _, _, missed in gone.contribution.outcomes.values()) == 0


def test_an_older_list_that_is_judged_later_takes_nothing_away(
    sim: Simulator, clock: Clock
) -> None:
    have(sim, 5)
    asked_at = timezone.now()
    kept = volume_list.store_listed("otc", [], asked_at)
    assert len(kept.absent) == 5
    read_again(clock, MINUTE)
    volume_list.judge_absent(
        "otc", replace(kept, known=100), volume_list.SingleAnswers({}, []), asked_at
    )
    assert not Volume.objects.filter(missing_since__isnull=False).exists()


def test_a_backup_of_the_future_brings_no_deleted_disk_back(sim: Simulator, clock: Clock) -> None:
    ids = have(sim, 5)
    body = {
        "id": str(uuid.uuid4()),
        "volume_id": ids[0],
        "status": "available",
        "service_metadata": "{}",
    }
    sim.add({**body, "created_at": "2099-01-01T00:00:00.000000"})
    list_sweep.sweep("otc")
    sim.remove_volume(ids[0])
    read_again(clock, HOUR)
    assert deleted() == ids[:1]
    derive.derive("otc", ids, timezone.now())
    assert deleted() == ids[:1]


def test_a_deleted_disk_that_is_backed_up_later_is_there_again(
    sim: Simulator, clock: Clock
) -> None:
    ids = have(sim, 5)
    sim.remove_volume(ids[0])
    read_again(clock, HOUR)
    assert deleted() == ids[:1]
    sim.fault(Fault(kind="status", status=403, path="/volumes/detail"))
    for after, there in ((5 * MINUTE, False), (HOUR, True)):
        clock.shift(after)
        made = f"{timezone.now():%Y-%m-%dT%H:%M:%S.000000}"
        body = {
            "id": str(uuid.uuid4()),
            "volume_id": ids[0],
            "status": "available",
            "service_metadata": "{}",
        }
        sim.add({**body, "created_at": made})
        list_sweep.sweep("otc")
        assert (deleted() == []) is there


def test_a_disk_with_an_odd_answer_hides_no_other_one(sim: Simulator, clock: Clock) -> None:
    ids = have(sim, 10)
    sim.fault(Fault(kind="status", status=400, path=f"/volumes/{ids[0]}"))
    for one in ids[:5]:
        sim.remove_volume(one)
    read_again(clock, HOUR)
    assert deleted() == ids[1:5]


def test_a_limit_that_an_answer_leaves_out_stays_as_it_was_known(
    sim: Simulator, clock: Clock
) -> None:
    Cloud.objects.update(seen_vbs=True)
    assert quota.read("otc", timezone.now()) == 1
    known = quota.in_force(Cloud.objects.get())
    assert known.backups is not None
    sim.fault(Fault(kind="wrong_envelope", path="/cloudbackups/quota"))
    quota.read("otc", timezone.now())
    cloud = Cloud.objects.get()
    assert quota.in_force(cloud) == known
    assert (cloud.quota_error or "").startswith(
        "The answer about the quota does not name all limits"
    )


def track_all(sim: Simulator, n: int) -> list[uuid.UUID]:
    """`n` backups, each of a disk of its own, that the cloud's list has named."""
    now = timezone.now()
    ids = []
    for at in range(n):
        made = f"{now - HOUR - at * MINUTE:%Y-%m-%dT%H:%M:%S.000000}"
        body = {
            "id": str(uuid.UUID(int=at + 1)),
            "volume_id": f"disk-{at:02}",
            "status": "available",
        }
        ids.append(uuid.UUID(sim.add({**body, "created_at": made, "service_metadata": "{}"})))
    list_sweep.sweep("otc")
    assert Backup.objects.count() == n
    assert Cloud.objects.get().listed == n
    return ids


def list_again(clock: Clock, after: timedelta) -> None:
    clock.shift(after)
    list_sweep.sweep("otc")


def test_a_list_of_backups_that_shrinks_at_once_is_doubted_until_another_one_says_the_same(
    sim: Simulator, clock: Clock
) -> None:
    ids = track_all(sim, 10)
    listed_at = Cloud.objects.get().backups_listed_at
    for one in ids[:4]:
        sim.remove(str(one))
    list_again(clock, HOUR)
    cloud = Cloud.objects.get()
    assert (cloud.backups_listed_at, cloud.listed) == (listed_at, 10)
    assert (
        cloud.list_error == "The list of backups named 6 where 10 were known: "
        "it is doubted until another one says the same."
    )
    assert [need.work for need in dispatcher.needs(timezone.now() + 10 * MINUTE + MINUTE)].count(
        "sweep"
    ) == 1
    list_again(clock, 10 * MINUTE)
    cloud = Cloud.objects.get()
    assert (cloud.backups_listed_at, cloud.listed, cloud.list_error) == (timezone.now(), 6, None)


def test_a_second_list_that_says_something_else_confirms_nothing(
    sim: Simulator, clock: Clock
) -> None:
    ids = track_all(sim, 20)
    listed_at = Cloud.objects.get().backups_listed_at
    for gone, left in ((ids[:10], 10), (ids[10:], 0)):
        for one in gone:
            sim.remove(str(one))
        list_again(clock, 11 * MINUTE)
        cloud = Cloud.objects.get()
        assert (cloud.backups_listed_at, cloud.listed, cloud.shrunk_to) == (listed_at, 20, left)
    list_again(clock, 11 * MINUTE)
    cloud = Cloud.objects.get()
    assert (cloud.backups_listed_at, cloud.listed, cloud.shrunk_to) == (timezone.now(), 0, None)


def test_a_list_that_is_whole_again_is_believed_at_once(sim: Simulator, clock: Clock) -> None:
    ids = track_all(sim, 10)
    bodies = [json_of(sim, one) for one in ids[:4]]
    for one in ids[:4]:
        sim.remove(str(one))
    list_again(clock, HOUR)
    for body in bodies:
        sim.add(body)
    list_again(clock, MINUTE)
    cloud = Cloud.objects.get()
    assert (cloud.backups_listed_at, cloud.listed, cloud.shrunk_since) == (timezone.now(), 10, None)


def json_of(sim: Simulator, pk: uuid.UUID) -> dict[str, Any]:
    return {
        "id": str(pk),
        "volume_id": f"disk-{pk.int - 1:02}",
        "status": "available",
        "service_metadata": "{}",
    }


def test_a_look_for_new_backups_that_finds_none_at_all_proves_nothing(
    sim: Simulator, clock: Clock
) -> None:
    ids = track_all(sim, 10)
    listed_at = Cloud.objects.get().backups_listed_at
    for one in ids:
        sim.remove(str(one))
    clock.shift(MINUTE)
    list_sweep.look_for_new("otc")
    cloud = Cloud.objects.get()
    assert (cloud.backups_listed_at, cloud.walked_at) == (listed_at, None)


def test_a_disk_whose_only_backup_left_one_list_is_not_called_never(
    sim: Simulator, clock: Clock
) -> None:
    Volume.objects.create(cloud_id="otc", volume_id="disk-00", first_seen_at=timezone.now())
    derive.note_listing("otc", {"disk-00": derive.Listed(1, timezone.now())}, timezone.now())
    for after, expected in ((HOUR, 1), (9 * MINUTE, 1), (MINUTE, 0)):
        clock.shift(after)
        derive.note_listing("otc", {}, timezone.now())
        assert Volume.objects.get().listed_backups == expected


@pytest.mark.either
def test_a_week_of_flickering_lists_shows_nothing_untrue(sim: Simulator, clock: Clock) -> None:
    """Every 20 minutes another part of the list is lacking; one disk really goes
    on the third day.
    """
    ids = have(sim, 12)
    gone = ids[5]
    for one in ids:
        body = {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, one)),
            "volume_id": one,
            "status": "available",
        }
        sim.add(
            {
                **body,
                "created_at": f"{timezone.now():%Y-%m-%dT%H:%M:%S.000000}",
                "service_metadata": "{}",
            }
        )
    list_sweep.sweep("otc")
    goes_at = timezone.now() + timedelta(days=3)
    ends_at = timezone.now() + timedelta(days=7)
    step = 0
    while timezone.now() < ends_at:
        step += 1
        if timezone.now() >= goes_at and gone not in deleted():
            sim.remove_volume(gone)
        lacking = 0 if step % 3 == 0 else step % (len(ids) + 1)
        first = step * 5 % len(ids)
        sim.unlist_volumes(*(ids + ids)[first : first + lacking])
        volume_list.read("otc", timezone.now())
        assert deleted() == ([gone] if timezone.now() >= goes_at else [])
        clock.shift(20 * MINUTE)
    assert_green_only_what_is_there(ids, gone, timezone.now())


def assert_green_only_what_is_there(ids: list[str], gone: str, now: datetime) -> None:
    Cloud.objects.update(last_good_at=now, backups_listed_at=now)
    words = {
        one.volume_id: one.protection
        for one in volume_states(Volume.objects.order_by("volume_id"), now, access=FULL_ACCESS)
    }
    assert words.pop(gone) == "deleted"
    assert set(words) == set(ids) - {gone}
    assert "deleted" not in words.values()
