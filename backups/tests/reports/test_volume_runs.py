"""What is promised for one disk, and what became of it."""

import uuid
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backups.models import FULL_ACCESS, Access, Backup, Cloud, Role, Volume
from backups.reports.volume_pages import volume_state
from backups.reports.volume_runs import (
    VolumePlan,
    runs_between,
    runs_of_volume,
    unkept_runs,
    volume_plan,
)
from backups.reports.volumes import VolumeState
from backups.tests.facts import NOON
from backups.tests.policy_rows import (
    DAY,
    NIGHT,
    NIGHTLY,
    disk_row,
    members,
    policy,
    read_policies,
    run,
    vault,
)
from backups.vbs.policies import Retention

pytestmark = pytest.mark.django_db
LAST_NIGHT = NIGHT - DAY
H = timedelta(hours=1)


@pytest.fixture(autouse=True)
def clouds(settings: Any) -> None:
    settings.CLOUDS = dict.fromkeys(("otc", "eu"))
    for name in settings.CLOUDS:
        Cloud.objects.create(name=name, follow="all", catalog_type="vbs")
    read_policies("otc", "eu")


def plan(volume_id: str = "a", *, access: Access = FULL_ACCESS) -> VolumePlan:
    return volume_plan(state(volume_id, access=access), NOON, access=access)


def state(volume_id: str, *, access: Access) -> VolumeState:
    answer = volume_state("otc", volume_id, NOON, access=access)
    assert answer is not None
    return answer


def tracked(n: int, **columns: Any) -> Backup:
    plain: dict[str, Any] = {
        "id": uuid.UUID(int=n),
        "cloud_id": "otc",
        "volume_id": "a",
        "tracked_at": NOON,
        "created_at": NOON - DAY,
    }
    return Backup.objects.create(**{**plain, **columns})


def test_a_disk_says_when_it_runs_next_and_what_came_of_its_runs() -> None:
    nightly = policy(1)
    members(nightly, ["a"])
    backup = tracked(1)
    run(nightly, "a", LAST_NIGHT, "made", backup_id=backup.pk, late_seconds=120)
    run(nightly, "a", LAST_NIGHT - DAY, "late", backup_id=uuid.UUID(int=9), late_seconds=7200)
    run(nightly, "a", LAST_NIGHT - 2 * DAY, "skipped", reason="AutoBackup.0031: one runs")
    run(nightly, "a", LAST_NIGHT - 31 * DAY, "failed")
    answer = plan()
    assert answer.word == "scheduled"
    assert answer.sentence == "Policy “nightly 1” backs it up."
    assert answer.next is not None
    assert (answer.next.cloud, answer.next.next_run_at) == ("otc", NIGHT)
    made, late, skipped = answer.runs
    assert (made.outcome, made.late_seconds, made.is_tracked) == ("made", 120, True)
    assert (late.late_seconds, late.is_tracked) == (7200, False)
    assert (skipped.reason, skipped.backup_id) == ("AutoBackup.0031: one runs", None)
    assert skipped.policy_title == "nightly 1"


def test_the_policy_that_runs_first_is_the_next_one() -> None:
    members(policy(1, enabled=False), ["a"])
    weekly = {
        "calendar": "vbs",
        "hours": ["23:00"],
        "frequency": None,
        "weekdays": ["SUN"],
        "time_zone": "UTC+00:00",
    }
    members(policy(2, schedule=weekly), ["a"])
    members(policy(3), ["a"])
    assert [row.policy_id for row in plan().policies] == ["policy-3", "policy-2", "policy-1"]


def test_a_disk_whose_policy_is_off_has_no_next_run() -> None:
    members(policy(1, enabled=False), ["a"])
    Volume.objects.update(schedule_read="off")
    answer = plan()
    assert (answer.word, answer.next) == ("off", None)
    assert answer.sentence == "Its policy “nightly 1” is switched off."


def test_a_disk_in_no_policy_says_so() -> None:
    disk_row("a", schedule_read="none")
    answer = plan()
    assert (answer.word, answer.sentence) == ("none", "No policy of its cloud has this disk.")


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"policies_read_at": None, "policies_error": "It is not allowed to read policies."},
            "It is not allowed to read policies. Which disks are in no schedule is not known.",
        ),
        (
            {"policies_read_at": NOON - 5 * H},
            "Its policies were last read 5 h ago: they may be others.",
        ),
        (
            {},
            "Of the 3 disks that policy “nightly 1” has by the cloud's own count, 1 were seen: "
            "this disk may be one of the others.",
        ),
    ],
)
def test_why_a_disk_is_unknown(columns: dict[str, Any], sentence: str) -> None:
    members(policy(1, claimed=3), ["b"])
    disk_row("a")
    Cloud.objects.filter(name="otc").update(**columns)
    answer = plan()
    assert (answer.word, answer.sentence) == ("unknown", sentence)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {
                "policies_read_at": None,
                "policies_error": "vbsdash is not allowed to read policies: Forbidden.",
            },
            "We are not allowed to read the policies of “eu”.",
        ),
        (
            {"policies_read_at": NOON - 5 * H},
            "Of “eu”, the other service of its project: Its policies were last read 5 h ago: they "
            "may be others.",
        ),
        (
            {"is_configured": False},
            "Of “eu”, the other service of its project: It is not configured any more: what its "
            "policies do is not known.",
        ),
        (
            {},
            "The cloud does not say which disks policy “nightly 2” has.",
        ),
    ],
)
def test_why_a_disk_is_unknown_may_lie_with_the_other_service(
    columns: dict[str, Any], sentence: str
) -> None:
    members(policy(1, claimed=1), ["b"])
    vault(1, [policy(2, cloud="eu", api="cbr")], is_whole=False)
    disk_row("a", also_under="eu")
    Cloud.objects.filter(name="otc").update(other_service="eu")
    Cloud.objects.filter(name="eu").update(other_service="otc", **columns)
    answer = plan()
    assert (answer.word, answer.sentence) == ("unknown", sentence)
    answer = plan(access=Access(Role.VIEWER, frozenset({"otc"})))
    assert answer.sentence == "What another service of its project promises is not known."


def test_a_disk_that_may_have_left_its_policy_is_told_so() -> None:
    members(policy(1, claimed=1), ["a", "b"])
    Volume.objects.update(schedule_read="unknown")
    assert plan().sentence == (
        "Policy “nightly 1” has 1 disks by the cloud's own count, and 2 were seen in it: this "
        "disk may have left it."
    )


def test_what_the_cloud_deletes_next_is_a_fact() -> None:
    disk_row("a", schedule_read="none")
    for n, days in ((1, 3), (2, 1), (4, 2)):
        tracked(n, expired_at=NOON + days * DAY, gone_at=NOON if n == 4 else None)
    tracked(5)
    assert [(row.id, row.goes_at, row.is_fact) for row in plan().going] == [
        (str(uuid.UUID(int=2)), NOON + DAY, True),
        (str(uuid.UUID(int=1)), NOON + 3 * DAY, True),
    ]


def test_what_the_next_run_deletes_is_expected() -> None:
    members(policy(1, retention=asdict(Retention(count=2))), ["a"])
    for n in range(1, 4):
        tracked(n, name=f"autobk_{n}", created_at=NOON - n * DAY)
    tracked(4, name="by hand", created_at=NOON - 9 * DAY)
    tracked(5, name="autobk_5", created_at=NOON - 9 * DAY, status="error")
    going = plan().going
    assert [(row.id, row.goes_at, row.is_fact) for row in going] == [
        (str(uuid.UUID(int=3)), NIGHT, False),
        (str(uuid.UUID(int=2)), NIGHT, False),
    ]


def test_a_backup_of_another_policy_is_not_deleted_by_this_one() -> None:
    row = policy(1, cloud="otc", api="cbr", retention=asdict(Retention(count=1)))
    members(row, ["a"], source="vault")
    tracked(1, policy_id="policy-1")
    tracked(2, policy_id="another")
    assert [going.id for going in plan().going] == [str(uuid.UUID(int=1))]


def test_the_other_service_of_the_project_counts_where_it_is_open() -> None:
    both = policy(1, cloud="eu", api="cbr")
    members(both, ["a"], source="vault")
    disk = disk_row("a", also_under="eu", schedule_read="scheduled")
    Volume.objects.filter(cloud="eu").update(counted_under="otc", also_under="otc")
    tracked(1, cloud_id="eu", expired_at=NOON + DAY)
    run(both, "a", LAST_NIGHT, "made")
    disk.runs.create(policy=both, slot_at=LAST_NIGHT, outcome="made")
    answer = plan()
    assert [policy.cloud for policy in answer.policies] == ["eu"]
    assert [row.policy_cloud for row in answer.runs] == ["eu"]
    assert len(answer.going) == 1
    answer = plan(access=Access(Role.VIEWER, frozenset({"otc"})))
    assert (answer.policies, answer.runs, answer.going) == ((), (), ())
    hidden = Access(Role.VIEWER, frozenset({"eu"}))
    assert runs_of_volume("otc", "a", NOON, access=hidden) == []


def two_services(nightly: Any) -> Backup:
    """A disk of a policy of `eu`, counted under `otc`, where its run of last night is stored."""
    members(nightly, ["a"], source="vault")
    backup = tracked(1)
    disk = disk_row("a", also_under="eu", schedule_read="scheduled", label="secret")
    disk_row("a", cloud="eu", also_under="otc", counted_under="otc")
    outcomes = ((LAST_NIGHT, "failed", backup.pk), (LAST_NIGHT - DAY, "skipped", None))
    for slot_at, outcome, backup_id in outcomes:
        disk.runs.create(policy=nightly, slot_at=slot_at, outcome=outcome, backup_id=backup_id)
    return backup


IN_EU = Access(Role.VIEWER, frozenset({"eu"}))


@pytest.mark.parametrize("access", [FULL_ACCESS, IN_EU])
@pytest.mark.parametrize("cloud", ["otc", "eu"])
def test_runs_are_told_with_either_row_of_a_disk(cloud: str, access: Access) -> None:
    backup = two_services(policy(1, cloud="eu", api="cbr"))
    is_open = access.opens(cloud)
    runs = runs_of_volume(cloud, "a", NOON, access=access)
    assert [run.outcome for run in runs] == (["failed", "skipped"] if is_open else [])
    of_day = runs_between(cloud, "a", LAST_NIGHT, NOON, access=access)
    assert [run.outcome for run in of_day] == (["failed"] if is_open else [])
    unkept = unkept_runs([(cloud, "a")], NOON - 9 * DAY, access=access)
    kept = [(LAST_NIGHT - DAY, "skipped"), (LAST_NIGHT, "failed")]
    assert unkept == ({(cloud, "a"): kept} if is_open else {})
    # The backup lies in a cloud that a reader of the other one may not see.
    for told in runs[:1] + of_day:
        assert told.backup_id == (str(backup.pk) if access == FULL_ACCESS else None)


def test_a_run_that_both_rows_have_is_told_once() -> None:
    nightly = policy(1, cloud="eu", api="cbr")
    two_services(nightly)
    run(nightly, "a", LAST_NIGHT, "failed")
    assert len(runs_of_volume("otc", "a", NOON, access=FULL_ACCESS)) == 2
    assert len(runs_between("eu", "a", LAST_NIGHT, NOON, access=FULL_ACCESS)) == 1
    [of_disk] = unkept_runs([("eu", "a")], NOON - 9 * DAY, access=FULL_ACCESS).values()
    assert len(of_disk) == 2


def test_what_the_next_run_deletes_may_be_a_row_of_the_other_service() -> None:
    new = policy(1, cloud="eu", api="cbr", retention=asdict(Retention(count=2)))
    members(new, ["a"], source="vault")
    disk_row("a", also_under="eu", schedule_read="scheduled")
    tracked(1, name="autobk_1", created_at=NOON - 3 * DAY)
    tracked(2, policy_id="policy-1", created_at=NOON - 2 * DAY)
    tracked(3, cloud_id="eu", policy_id="policy-1", created_at=NOON - DAY)
    tracked(4, policy_id="another", created_at=NOON - 9 * DAY)
    assert [row.id for row in plan().going] == [str(uuid.UUID(int=n)) for n in (1, 2)]
    # VBS shows the same backup as CBR: it is kept once.
    tracked(5, name="autobk_5", created_at=NOON - DAY, same_as=uuid.UUID(int=3))
    assert [row.id for row in plan().going] == [str(uuid.UUID(int=n)) for n in (1, 2)]
    # Where VBS has a policy of its own, what is named so is made by that.
    members(policy(2, schedule={**NIGHTLY, "hours": ["23:00"]}), ["a"])
    Volume.objects.filter(cloud="otc").update(also_under="eu")
    assert [row.id for row in plan().going] == [str(uuid.UUID(int=2))]


@pytest.mark.parametrize("number", [1, 3])
def test_three_policies_and_runs_ask_no_more_than_one(number: int) -> None:
    for n in range(number):
        row = policy(n)
        members(row, ["a"])
        run(row, "a", LAST_NIGHT - n * DAY, "made")
        tracked(n, expired_at=NOON + DAY)
    known = state("a", access=FULL_ACCESS)
    with CaptureQueriesContext(connection) as asked:
        answer = volume_plan(known, NOON, access=FULL_ACCESS)
    assert len(answer.runs) == number
    assert len(asked) == 4
    Volume.objects.update(schedule_read="unknown")
    known = state("a", access=FULL_ACCESS)
    with CaptureQueriesContext(connection) as asked:
        volume_plan(known, NOON, access=FULL_ACCESS)
    assert len(asked) == 7
