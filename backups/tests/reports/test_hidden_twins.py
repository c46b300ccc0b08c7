"""Of what two services of a project show, who may see one of them is told nothing of the other."""

import uuid
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client

from backups.alarms.findings import findings
from backups.models import FULL_ACCESS, Access, Backup, Cloud, Role, Run, Volume
from backups.reports.backup_detail import backup_row
from backups.reports.policies import policy_detail
from backups.reports.volume_pages import volume_state
from backups.reports.volume_runs import runs_of_volume
from backups.tests.accounts import make_account
from backups.tests.alarms.estate import make_clouds
from backups.tests.facts import NOON
from backups.tests.policy_rows import DAY, NIGHT, disk_row, members, policy, read_policies

pytestmark = pytest.mark.django_db
IN_EU = Access(Role.VIEWER, frozenset({"eu"}))
OLD, NEW = uuid.UUID(int=1), uuid.UUID(int=2)
REASON = "The array is on fire."


@pytest.fixture(autouse=True)
def twins(settings: Any, tmp_path: Path, clock: time_machine.Traveller) -> None:
    """A disk that is counted in `otc`, with a backup there and the same one in `eu`."""
    clock.move_to(NOON)
    make_clouds(settings, tmp_path)
    read_policies("otc", "eu")
    daily = policy(1, cloud="eu", api="cbr")
    members(daily, ["a"], source="vault")
    plain: dict[str, Any] = {"volume_id": "a", "tracked_at": NOON, "created_at": NOON - DAY}
    old = Backup.objects.create(id=OLD, cloud_id="otc", status="error", fail_reason=REASON, **plain)
    Backup.objects.create(id=NEW, cloud_id="eu", same_as=OLD, **plain)
    evidence: dict[str, Any] = {
        "last_good": old,
        "last_good_at": NOON,
        "failing": old,
        "failing_since": NOON,
    }
    row = disk_row("a", label="secret", also_under="eu", policy=daily, **evidence)
    disk_row("a", cloud="eu", also_under="otc", counted_under="otc", **evidence)
    row.runs.create(
        policy=daily, slot_at=NIGHT - DAY, outcome="failed", backup_id=OLD, reason=REASON
    )


def test_a_policy_names_a_disk_by_a_row_that_is_open() -> None:
    detail = policy_detail("eu", "policy-1", NOON, access=IN_EU)
    assert detail is not None
    [run] = detail.slots[0].not_made
    assert (run.cloud, run.volume_id, run.title, run.backup_id) == ("eu", "a", "a", None)
    assert [(disk.cloud, disk.title) for disk in detail.named] == [("eu", "a")]
    Volume.objects.filter(cloud="eu").update(name="disk-a")
    detail = policy_detail("eu", "policy-1", NOON, access=IN_EU)
    assert detail is not None
    assert detail.slots[0].not_made[0].title == "disk-a"


def test_who_may_see_both_is_led_to_the_row_that_counts() -> None:
    detail = policy_detail("eu", "policy-1", NOON, access=FULL_ACCESS)
    assert detail is not None
    [run] = detail.slots[0].not_made
    assert (run.cloud, run.title, run.backup_id) == ("otc", "secret", str(OLD))
    assert [(disk.cloud, disk.title) for disk in detail.named] == [("otc", "secret")]


def test_the_pages_lead_to_the_run_that_was_left_out(client: Client) -> None:
    client.force_login(make_account("both", role=Role.VIEWER))
    page = client.get("/policies/eu/policy-1/").content.decode()
    assert 'href="/volumes/otc/a/"' in page
    assert 'href="/volumes/?policy_id=policy-1"' in page
    for cloud in ("otc", "eu"):
        [run] = client.get(f"/api/volumes/{cloud}/a/").json()["runs"]
        assert (run["outcome"], run["policy_id"]) == ("failed", "policy-1")
    listed = client.get("/api/volumes/?policy_id=policy-1").json()["results"]
    assert [row["cloud"] for row in listed] == ["otc"]


def test_ids_of_backups_that_are_not_open_are_null() -> None:
    hidden = volume_state("eu", "a", NOON, access=IN_EU)
    seen = volume_state("eu", "a", NOON, access=FULL_ACCESS)
    assert hidden is not None
    assert seen is not None
    assert (hidden.last_good_id, hidden.failing_id) == (None, None)
    assert (seen.last_good_id, seen.failing_id) == (str(OLD), str(OLD))


def never_backed_up() -> None:
    """Lets the disk have nothing but its failed try, and be counted in `eu`."""
    Backup.objects.filter(pk=NEW).delete()
    none: dict[str, Any] = {"last_good": None, "last_good_at": None, "failing_cause": "cause"}
    Volume.objects.filter(cloud="eu").update(counted_under=None, **none)
    Volume.objects.filter(cloud="otc").update(counted_under="eu", **none)


def test_the_reason_of_a_failure_is_told_where_its_backup_is_open() -> None:
    never_backed_up()
    for access, is_told in ((IN_EU, False), (FULL_ACCESS, True)):
        state = volume_state("eu", "a", NOON, access=access)
        detail = policy_detail("eu", "policy-1", NOON, access=access)
        assert state is not None
        assert detail is not None
        [of_disk] = detail.slots[0].not_made
        [of_volume] = runs_of_volume("eu", "a", NOON, access=access)
        reason = REASON if is_told else None
        assert (of_disk.reason, of_volume.reason) == (reason, reason)
        assert ("on fire" in state.why) == is_told
        assert ("the other service of its project has the reason" in state.why) != is_told
        assert ("other service" in state.next) != is_told


def test_the_reason_of_a_run_that_left_no_backup_is_told() -> None:
    Run.objects.update(backup_id=None)
    [run] = runs_of_volume("eu", "a", NOON, access=IN_EU)
    assert run.reason == REASON


def test_home_and_alarms_tell_no_reason_of_a_backup_that_is_not_open(client: Client) -> None:
    never_backed_up()
    for name, clouds, is_told in (("one", ["eu"], False), ("both", None, True)):
        client.force_login(make_account(name, role=Role.VIEWER, clouds=clouds))
        summary = client.get("/api/summary/").content.decode()
        assert '"never"' in summary
        assert ("on fire" in summary) == is_told
    found = findings(NOON, list(Cloud.objects.all()), counted=False)
    [finding] = filter(attrgetter("volume_id"), found)
    assert (finding.cloud, finding.state) == ("eu", "never")
    assert "has the reason" in finding.sentence
    assert "on fire" not in finding.sentence + finding.next


def test_what_a_backup_is_too_is_told_where_that_is_open(client: Client) -> None:
    row = backup_row(NEW, NOON, access=IN_EU)
    assert row is not None
    assert row["same_as"] is None
    for clouds, same_as in ((["eu"], None), (None, str(OLD))):
        client.force_login(make_account(f"reader-{same_as}", role=Role.VIEWER, clouds=clouds))
        assert client.get(f"/api/backups/{NEW}/").json()["same_as"] == same_as
        [listed] = client.get(f"/api/backups/?id={NEW}").json()["results"]
        assert listed["same_as"] == same_as
        table: Any = client.get(f"/api/backups.csv?id={NEW}&fields=id,same_as")
        text = b"".join(table.streaming_content).decode()
        assert (str(OLD) in text) == (same_as is not None)
