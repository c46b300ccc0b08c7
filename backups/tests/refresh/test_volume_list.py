"""The cloud's own list of disks, over real HTTP."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from backups.clouds import registry
from backups.derived.volumes import derive
from backups.edits import volume_edits
from backups.edits.common import Actor
from backups.models import FULL_ACCESS, Backup, Cloud, PolicyMember, Volume
from backups.refresh import dispatcher, volume_list
from backups.reports import volumes
from backups.simulator import Fault, Simulator
from backups.tests.policy_rows import policy
from backups.vbs.clouds import load_clouds
from backups.vbs.listed_volume import ListedVolume, decode

pytestmark = pytest.mark.django_db


@pytest.fixture
def sim(settings: Any, tmp_path: Any) -> Iterator[Simulator]:
    with Simulator(clock=timezone.now) as running:
        use(running, settings, tmp_path)
        yield running
        registry.forget_clients()


def use(running: Simulator, settings: Any, tmp_path: Any) -> None:
    """Configure the simulated cloud as `otc`, following all, just heard and listed."""
    file = tmp_path / "clouds.yaml"
    file.write_text(running.clouds_yaml("otc", vbs_follow="all", vbs_requests_per_second=0))
    settings.CLOUDS = load_clouds({"OS_CLIENT_CONFIG_FILE": str(file)}, cwd=tmp_path, home=tmp_path)
    registry.ensure_rows()
    now = timezone.now()
    Cloud.objects.update(last_good_at=now, backups_listed_at=now)


def volume(volume_id: str, name: str | None = "db-01", size: Any = 10) -> dict[str, Any]:
    return {"id": volume_id, "name": name, "size": size}


def told(now: datetime | None = None) -> dict[str, tuple[str | None, int | None, str]]:
    Volume.objects.update(listed_backups=0)  # as after a whole list of backups that names none
    at = now or timezone.now()
    rows = Volume.objects.order_by("volume_id").with_protection(at).with_schedule(at)
    return {
        row["volume_id"]: (row["name"], row["size"], row["protection"])
        for row in rows.values(*volumes.COLUMNS)
    }


def problem() -> str | None:
    return Cloud.objects.get().volumes_error


def test_the_list_names_disks_and_shows_those_without_a_backup(sim: Simulator) -> None:
    sim.add_volume(volume("a"))
    sim.add_volume(volume("b", name="", size="12"))
    assert volume_list.read("otc", timezone.now()) == 2
    assert told() == {"a": ("db-01", 10, "never"), "b": (None, 12, "never")}
    assert problem() is None


def test_a_disk_that_left_a_whole_list_is_deleted_and_kept(sim: Simulator) -> None:
    for one in "ab":
        sim.add_volume(volume(one))
    volume_list.read("otc", timezone.now())
    volume_edits.set_label([("otc", "b")], "mine", actor=Actor("anna", timezone.now()))
    sim.remove_volume("b")
    volume_list.read("otc", timezone.now())
    assert {one: word for one, (_, _, word) in told().items()} == {"a": "never", "b": "deleted"}
    found = volumes.volume_detail("otc", "b", timezone.now(), access=FULL_ACCESS)
    assert found is not None
    assert (found.label, found.listed, found.why[:43]) == (
        "mine",
        False,
        "It is not in the cloud's list of disks sinc",
    )
    sim.add_volume(volume("b", name="back"))
    volume_list.read("otc", timezone.now())
    assert told()["b"] == ("back", 10, "never")


def test_a_disk_known_from_its_backups_alone_is_deleted_too(sim: Simulator) -> None:
    now = timezone.now()
    words: dict[str, Any] = {
        "volume_id": "gone",
        "tracked_at": now,
        "status": "available",
        "created_at": now,
    }
    Backup.objects.create(id="11111111-1111-4111-8111-111111111111", cloud_id="otc", **words)
    derive("otc", ["gone"], now)
    volume_list.read("otc", now - timedelta(seconds=1))
    assert told()["gone"][2] != "deleted", "it became known after the list was asked for"
    volume_list.read("otc", timezone.now())
    assert told()["gone"][2] == "deleted"


@pytest.mark.parametrize(
    ("fault", "again"),
    [
        (Fault(kind="status", status=403, path="/volumes/detail"), timedelta(hours=1)),
        (Fault(kind="status", status=404, path="/volumes/detail"), timedelta(hours=1)),
        (Fault(kind="status", status=503, path="/volumes/detail"), timedelta(minutes=10)),
        (Fault(kind="truncated", path="/volumes/detail"), timedelta(minutes=10)),
    ],
)
def test_a_list_that_is_refused_deletes_nothing_and_says_why(
    sim: Simulator, fault: Fault, again: timedelta
) -> None:
    sim.add_volume(volume("a"))
    volume_list.read("otc", timezone.now())
    sim.fault(fault)
    now = timezone.now()
    Cloud.objects.update(volumes_due_at=None)
    assert volume_list.claim("otc", now)
    assert volume_list.read("otc", now) == 0
    assert told()["a"][2] == "never"
    assert (problem() or "").startswith("The list of disks was not read: ")
    assert ("by hand" in (problem() or "")) is (again == timedelta(hours=1))
    assert (". Label and register disks by hand" in (problem() or "")) is (
        again == timedelta(hours=1)
    )
    assert Cloud.objects.get().volumes_due_at == now + again
    sim.clear_faults()
    volume_list.read("otc", timezone.now())
    assert problem() is None


def test_a_cloud_without_a_list_says_so(settings: Any, tmp_path: Any) -> None:
    with Simulator(clock=timezone.now, volumes_allowed=False) as running:
        use(running, settings, tmp_path)
        assert volume_list.read("otc", timezone.now()) == 0
        assert "by hand" in (problem() or "")
        registry.forget_clients()


def test_a_list_of_several_pages_is_read_to_its_end(sim: Simulator) -> None:
    for n in range(2105):
        sim.add_volume(volume(f"{n:08d}-0000-4000-8000-000000000000"))
    assert volume_list.read("otc", timezone.now()) == 2105
    assert Volume.objects.filter(deleted_at=None).count() == 2105


def test_a_partial_list_takes_no_disk_away(sim: Simulator) -> None:
    volume_list.store_listed(
        "otc", [ListedVolume("a", "one", 1), ListedVolume("b", "two", 2)], timezone.now()
    )
    volume_list.store_listed("otc", [ListedVolume("a", "new name", 1)], timezone.now())
    assert told() == {"a": ("new name", 1, "never"), "b": ("two", 2, "never")}


def test_a_list_is_due_hourly_and_for_one_reader(sim: Simulator) -> None:
    now = timezone.now()
    assert [volume_list.claim("otc", at) for at in (now, now, now + timedelta(minutes=59))] == [
        True,
        False,
        False,
    ]
    assert volume_list.claim("otc", now + timedelta(hours=1))


def test_a_disk_that_turns_up_later_has_the_list_read_again_soon(sim: Simulator) -> None:
    now = timezone.now()
    assert volume_list.claim("otc", now)
    volume_list.read("otc", now)
    Backup.objects.create(id=uuid.uuid4(), cloud_id="otc", volume_id="later", tracked_at=now)
    derive("otc", ["later"], now)
    assert Cloud.objects.get().volumes_due_at == now + timedelta(minutes=2)
    derive("otc", ["later"], now)
    assert volume_list.claim("otc", now + timedelta(minutes=2))
    derive("otc", ["later"], now)
    assert Cloud.objects.get().volumes_due_at == now + timedelta(minutes=62)


def test_the_dispatcher_has_it_read_once(sim: Simulator) -> None:
    sim.add_volume(volume("a"))
    for expected in (1, 0):
        wanted = [need for need in dispatcher.needs(timezone.now()) if need.work == "list_disks"]
        assert len(wanted) == expected
        assert sum(dispatcher.DO[need.work](need.cloud) for need in wanted) == expected
    assert volume_list.read_due("otc") == 0
    assert told() == {"a": ("db-01", 10, "never")}


def test_odd_entries_hide_no_neighbour() -> None:
    odd: list[Any] = [
        None,
        7,
        "x",
        {},
        {"id": None},
        {"id": 5},
        {"id": ""},
        {"id": "a\x00", "name": ["n"], "size": -1},
    ]
    many: list[Any] = [
        {"id": "b", "name": "n" * 9000, "size": 10**30},
        {"id": "c", "size": True},
        {"id": "c", "size": 3},
    ]
    found = decode([*odd, *many])
    assert [(one.id, len(one.name or ""), one.size) for one in found] == [
        ("b", 500, None),
        ("c", 0, 3),
    ]


def test_the_lists_can_be_read_by_hand(sim: Simulator) -> None:
    sim.add_volume(volume("a"))
    out = StringIO()
    call_command("list_disks", stdout=out)
    assert out.getvalue() == "otc: 1 disks\n"
    with pytest.raises(CommandError, match="'nowhere' is no configured cloud; configured: otc"):
        call_command("list_disks", "nowhere")


def test_whole_lists_tell_which_policy_a_disk_names_and_that_it_names_it_no_more(
    sim: Simulator,
) -> None:
    now = timezone.now()
    volume_id = "3d0f6a52-77c1-4b0e-9a44-0c6b2f1d9e10"
    policy(1, first_seen_at=now, seen_at=now)
    sim.add_volume({**volume(volume_id), "metadata": {"policy": "policy-1"}})
    volume_list.read("otc", now)
    member = PolicyMember.objects.get()
    assert (member.volume_id, member.source, member.until) == (volume_id, "disk", None)
    sim.add_volume(volume(volume_id))
    for hours in (1, 2):
        volume_list.read("otc", now + timedelta(hours=hours))
    assert PolicyMember.objects.get().until == now + timedelta(hours=1)
