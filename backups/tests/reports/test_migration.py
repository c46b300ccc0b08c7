"""How far a project has moved from one service to the other."""

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backups.models import (
    FULL_ACCESS,
    Access,
    Backup,
    Cloud,
    PolicyTask,
    Role,
    Vault,
    VaultResource,
    Volume,
)
from backups.reports import migration
from backups.reports.migration import MOST_NAMED, Move, moves
from backups.tests.facts import NOON
from backups.tests.policy_rows import DAY, disk_row, members, policy, read_policies, run, vault

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clouds(settings: Any) -> None:
    """One project by two services, and another cloud beside it."""
    settings.CLOUDS = {
        "otc": SimpleNamespace(api="vbs"),
        "cbr": SimpleNamespace(api="cbr"),
        "eu": SimpleNamespace(api="vbs"),
    }
    for name, other in (("otc", "cbr"), ("cbr", "otc"), ("eu", None)):
        Cloud.objects.create(name=name, follow="all", other_service=other)
    read_policies("otc", "cbr", "eu")


def both(volume_id: str, **columns: Any) -> None:
    """A disk that both services show, counted under the old one."""
    disk_row(volume_id, also_under="cbr", **columns)
    disk_row(volume_id, cloud="cbr", also_under="otc", counted_under="otc", **columns)


def backup(n: int, volume_id: str, *, cloud: str = "otc", **columns: Any) -> None:
    plain: dict[str, Any] = {"tracked_at": NOON, "created_at": NOON - DAY}
    Backup.objects.create(
        id=uuid.UUID(int=n), cloud_id=cloud, volume_id=volume_id, **{**plain, **columns}
    )


def holds(row: Vault, resource_id: str, kind: str = "volume", **columns: Any) -> None:
    VaultResource.objects.create(
        vault=row,
        resource_id=resource_id,
        resource_type=kind,
        since=NOON,
        seen_at=NOON,
        **columns,
    )


def told(access: Access = FULL_ACCESS) -> Move:
    [move] = moves(NOON, access=access)
    return move


def ids(move: Move) -> dict[str, list[str]]:
    return {group.name: [disk.volume_id for disk in group.disks] for group in move.groups}


def test_each_disk_is_in_one_group_and_counted_once() -> None:
    one = vault(1, [], cloud="cbr")
    for volume_id in ("old", "both", "new", "neither", "taken-out", "gone"):
        both(volume_id)
    disk_row("cbr-alone", cloud="cbr")
    backup(1, "old")
    backup(2, "both")
    backup(3, "taken-out", cloud="cbr")  # CBR has a backup of it, but no vault names it any more
    backup(4, "neither", gone_at=NOON)
    for volume_id in ("both", "new", "cbr-alone"):
        holds(one, volume_id)
    Volume.objects.filter(volume_id="gone").update(deleted_at=NOON)
    move = told()
    assert ids(move) == {
        "old_only": ["old"],
        "both": ["both"],
        "new_only": ["cbr-alone", "new"],
        "neither": ["neither", "taken-out"],
    }
    assert (move.total, move.moved) == (6, 3)
    by_id = {disk.volume_id: disk for group in move.groups for disk in group.disks}
    assert by_id["taken-out"].backups_in_new
    assert (by_id["both"].cloud, by_id["cbr-alone"].cloud) == ("otc", "cbr")


def test_backups_of_the_new_service_that_the_old_one_lists_keep_no_disk_there() -> None:
    new = policy(1, cloud="cbr", api="cbr")
    one = vault(1, [new], cloud="cbr")
    for name in ("same", "same-reversed", "by-task", "by-run", "by-policy", "in-vault", "own"):
        both(name)
        holds(one, name)
    backup(1, "same", same_as=uuid.UUID(int=2))
    backup(2, "same", cloud="cbr")
    backup(3, "same-reversed")
    backup(4, "same-reversed", cloud="cbr", same_as=uuid.UUID(int=3))
    backup(5, "by-task")
    PolicyTask.objects.create(
        cloud_id="cbr", task_id="t", state="made", created_at=NOON, backup_id=uuid.UUID(int=5)
    )
    backup(6, "by-run")
    run(new, "by-run", NOON - DAY, "made", backup_id=uuid.UUID(int=6))
    backup(7, "by-policy", policy_id=new.policy_id)
    backup(8, "in-vault", vault_id="vault-1")
    backup(9, "own")
    move = told()
    assert ids(move)["both"] == ["own"]
    assert len(ids(move)["new_only"]) == 6
    by_id = {disk.volume_id: disk for group in move.groups for disk in group.disks}
    assert by_id["by-task"].backups_in_new
    assert not by_id["own"].backups_in_new


def test_a_vault_that_names_the_server_has_its_disks() -> None:
    one = vault(1, [], cloud="cbr", object_type="server")
    holds(one, "server-1", "server", excluded=["left-out"])
    holds(one, "server-2", "server", included=["only"])
    for volume_id, server in (
        ("system", "server-1"),
        ("left-out", "server-1"),
        ("only", "server-2"),
        ("not-only", "server-2"),
        ("elsewhere", "server-3"),
    ):
        disk_row(volume_id, server_ids=[server])
    vault(2, [], cloud="cbr", deleted_at=NOON)
    assert ids(told())["new_only"] == ["only", "system"]
    holds(Vault.objects.get(vault_id="vault-2"), "elsewhere")
    assert ids(told())["new_only"] == ["only", "system"]


def test_a_policy_of_the_old_service_counts_before_its_first_backup() -> None:
    row = policy(1)
    members(row, ["a"])
    members(policy(2, enabled=False), ["b"])
    assert ids(told())["old_only"] == ["a"]
    assert ids(told())["neither"] == ["b"]


def test_policies_that_were_left_behind() -> None:
    kept = policy(1, name="kept")
    members(kept, ["a", "b", "c"])
    done = policy(2, name="done")
    members(done, ["d"])
    members(policy(3, name="off", enabled=False), ["e"])
    policy(4, name="without a disk")
    new = policy(5, cloud="cbr", api="cbr", name="new")
    one = vault(1, [new], cloud="cbr")
    members(new, ["a", "d"], source="vault")
    holds(one, "a")
    holds(one, "d")
    holds(vault(2, [], cloud="cbr"), "b")  # a vault without a policy
    left = {row.title: (row.members, row.in_vaults, row.without_policy) for row in told().left}
    assert left == {"kept": (3, 2, 2), "done": (1, 1, 0)}


def test_what_was_not_read_is_a_doubt() -> None:
    assert told().doubts == ()
    Cloud.objects.filter(name="cbr").update(
        policies_read_at=None, policies_error="It is not allowed to read policies."
    )
    [doubt] = told().doubts
    assert doubt.startswith("cbr: It is not allowed to read policies.")


def test_a_service_that_ended_is_told() -> None:
    Cloud.objects.filter(name="otc").update(service_ended_at=NOON)
    move = told()
    assert move.old_ended_at == NOON
    assert move.doubts


def test_both_services_have_to_be_open_to_the_reader() -> None:
    for clouds in ({"otc"}, {"cbr"}, {"otc", "eu"}):
        assert moves(NOON, access=Access(Role.VIEWER, frozenset(clouds))) == []
    assert told(Access(Role.VIEWER, frozenset({"otc", "cbr"}))).new == "cbr"


def test_one_service_alone_has_nothing_to_tell(settings: Any) -> None:
    del settings.CLOUDS["otc"]
    assert moves(NOON, access=FULL_ACCESS) == []


@pytest.mark.parametrize("number", [1, 3])
def test_three_disks_ask_no_more_than_one(number: int) -> None:
    for n in range(number):
        both(f"disk-{n}")
        backup(n, f"disk-{n}")
        row = policy(n)
        members(row, [f"disk-{n}"])
        holds(vault(n, [], cloud="cbr"), f"disk-{n}")
    with CaptureQueriesContext(connection) as asked:
        move = told()
    assert move.total == number
    assert len(asked) == 7


def test_a_long_list_is_cut_and_counted() -> None:
    for n in range(MOST_NAMED + 2):
        disk_row(f"disk-{n:03}")
    [group] = [group for group in told().groups if group.name == migration.NEITHER]
    assert (group.count, len(group.disks)) == (MOST_NAMED + 2, MOST_NAMED)
