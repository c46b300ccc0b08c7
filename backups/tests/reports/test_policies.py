"""Policies as the reader of some clouds may see them, with what became of their runs."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backups.models import FULL_ACCESS, Access, Cloud, Role
from backups.reports import policies as report
from backups.reports.policies import Members, PolicyState
from backups.tests.facts import NOON
from backups.tests.policy_rows import DAY, NIGHT, members, policy, read_policies, run, vault

pytestmark = pytest.mark.django_db
H = timedelta(hours=1)
LAST_NIGHT = NIGHT - DAY


@pytest.fixture(autouse=True)
def clouds(settings: Any) -> None:
    settings.CLOUDS = dict.fromkeys(("otc", "eu"))
    for name in settings.CLOUDS:
        Cloud.objects.create(name=name, follow="all", catalog_type="vbs")
    read_policies("otc", "eu")


def states(access: Access = FULL_ACCESS) -> list[PolicyState]:
    rows = report.visible_policies(NOON, access=access)
    return report.policy_states(rows, NOON, access=access)


def test_a_policy_says_what_it_promises_and_what_came_of_it() -> None:
    nightly = policy(1, claimed=3, problems=["Its time zone is no text."])
    members(nightly, ["a", "b"])
    run(nightly, "a", LAST_NIGHT, "made")
    run(nightly, "b", LAST_NIGHT, "skipped", reason="AutoBackup.0031: a backup is running")
    run(nightly, "a", LAST_NIGHT - DAY, "failed")
    run(nightly, "a", LAST_NIGHT - 31 * DAY, "failed")  # before the 30 days that are told
    run(nightly, "a", NIGHT, "pending")  # of tonight: nobody has promised it yet
    [state] = states()
    assert state.when is not None
    assert "22:00" in state.when
    assert state.next_run_at == NIGHT
    assert state.retention_in_words == "The newest 7 backups are kept."
    assert state.members.sentence == "2 of the 3 disks it claims have been seen"
    assert state.newest is not None
    assert state.newest.at == LAST_NIGHT
    assert list(state.newest.counts.items()) == [("skipped", 1), ("made", 1)]
    assert state.newest.worst == "skipped"
    assert dict(state.outcomes) == {"failed": 1, "skipped": 1, "made": 1}
    assert (state.promised, state.not_made) == (3, 2)
    assert state.problems == ("Its time zone is no text.",)
    assert state.first_seen_at == NOON - 40 * DAY
    assert state.is_current


def test_only_what_is_in_an_open_cloud_is_told() -> None:
    for number, cloud in enumerate(("otc", "eu")):
        row = policy(number, cloud=cloud)
        members(row, [f"disk-{number}"])
        run(row, f"disk-{number}", LAST_NIGHT, "made")
    access = Access(Role.VIEWER, frozenset({"eu"}))
    [state] = states(access)
    assert state.cloud == "eu"
    assert (state.members.known, state.promised) == (1, 1)
    assert report.policy_detail("otc", "policy-0", NOON, access=access) is None
    told = report.policies_of_clouds(NOON, access=access)
    assert [cloud.cloud for cloud in told] == ["eu"]


@pytest.mark.parametrize("number", [1, 3])
def test_three_policies_ask_no_more_than_one(number: int) -> None:
    for n in range(number):
        row = policy(n)
        members(row, [f"a{n}", f"b{n}"])
        vault(n, [row], cloud="otc")
        for disk in (f"a{n}", f"b{n}"):
            run(row, disk, LAST_NIGHT, "made")
            run(row, disk, LAST_NIGHT - DAY, "failed")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert len(states()) == number
    assert len(asked) == 5
    with CaptureQueriesContext(connection) as asked:
        detail = report.policy_detail("otc", "policy-0", NOON, access=FULL_ACCESS)
    assert detail is not None
    assert len(asked) == 11


def test_a_policy_that_runs_at_another_time_has_its_own_newest_run() -> None:
    one, two = policy(1), policy(2)
    members(one, ["a"])
    members(two, ["b"])
    run(one, "a", LAST_NIGHT, "made")
    run(one, "a", LAST_NIGHT - DAY, "skipped")
    run(two, "b", LAST_NIGHT - DAY, "failed")
    by_id = {state.policy_id: state.newest for state in states()}
    assert {key: newest and dict(newest.counts) for key, newest in by_id.items()} == {
        "policy-1": {"made": 1},
        "policy-2": {"failed": 1},
    }


def test_why_no_run_comes() -> None:
    policy(1, enabled=False)
    policy(2, schedule={"calendar": "vbs", "hours": None})
    policy(3, enabled=None)
    policy(4, deleted_at=NOON - DAY)
    policy(5, deleted_at=NOON - 31 * DAY)
    Cloud.objects.filter(name="eu").update(service_ended_at=NOON)
    policy(6, cloud="eu")
    why = {state.policy_id: (state.next_run_at, state.why_no_run) for state in states()}
    assert why == {
        "policy-1": (None, "It is switched off."),
        "policy-2": (None, "When it runs cannot be read."),
        "policy-3": (None, "Whether it is switched on cannot be read."),
        "policy-4": (None, "The cloud no longer has this policy."),
        "policy-6": (None, "The backup service of its cloud ended."),
    }
    unreadable = [state for state in states() if state.when is None]
    assert [bool(state.why_unreadable) for state in unreadable] == [True]


def test_the_vaults_of_a_policy_are_those_that_are_bound_to_it() -> None:
    row = policy(1, cloud="eu", api="cbr")
    vault(1, [row])
    vault(2, [])
    vault(3, [row], deleted_at=NOON)
    vault(4, [row], cloud="otc")
    [state] = states()
    assert [vault.title for vault in state.vaults] == ["vault 1"]


@pytest.mark.parametrize(
    ("members", "sentence", "is_whole"),
    [
        (
            Members(exact=12, observed=0, claimed=None, is_exact=True),
            "12 disks, as its vaults say",
            True,
        ),
        (Members(exact=0, observed=0, claimed=None, is_exact=True), "no disk", True),
        (
            Members(exact=12, observed=0, claimed=None, is_exact=False),
            "12 disks in its vaults, of which not all could be read",
            False,
        ),
        (Members(exact=0, observed=0, claimed=0, is_exact=False), "no disk", True),
        (
            Members(exact=0, observed=7, claimed=10, is_exact=False),
            "7 of the 10 disks it claims have been seen",
            False,
        ),
        (
            Members(exact=0, observed=0, claimed=1, is_exact=False),
            "0 of the 1 disk it claims has been seen",
            False,
        ),
        (
            Members(exact=0, observed=1, claimed=1, is_exact=False),
            "the one disk it claims has been seen",
            True,
        ),
        (
            Members(exact=0, observed=10, claimed=10, is_exact=False),
            "all 10 disks it claims have been seen",
            True,
        ),
        (
            Members(exact=0, observed=3, claimed=2, is_exact=False),
            "3 disks seen, while it claims 2: some may have left it",
            True,
        ),
        (
            Members(exact=0, observed=3, claimed=None, is_exact=False),
            "3 disks seen in its runs; the cloud does not say how many it has",
            False,
        ),
    ],
)
def test_members_say_how_they_are_known(members: Members, sentence: str, is_whole: bool) -> None:
    assert (members.sentence, members.is_whole) == (sentence, is_whole)


@pytest.mark.parametrize(
    ("columns", "state", "part"),
    [
        ({}, "read", ""),
        ({"policies_read_at": NOON - 5 * H}, "old", "5 h ago"),
        ({"policies_read_at": None}, "never", "not read yet"),
        (
            {"policies_read_at": None, "policies_error": "It is not allowed to read policies."},
            "refused",
            "not allowed to read policies. Which disks are in no schedule is not known.",
        ),
        (
            {"policies_read_at": NOON - 26 * H, "policies_error": "It is not allowed"},
            "refused",
            "not allowed. They were last read 1 day 2 h ago.",
        ),
        ({"service_ended_at": NOON}, "ended", "service ended"),
        ({"policies_read_at": None, "catalog_type": "volumev3"}, "none", "no backup policies"),
    ],
)
def test_a_cloud_says_how_its_policies_were_read(
    columns: dict[str, Any], state: str, part: str
) -> None:
    Cloud.objects.filter(name="otc").update(**columns)
    told = {cloud.cloud: cloud for cloud in report.policies_of_clouds(NOON, access=FULL_ACCESS)}
    assert told["otc"].state == state
    assert part in told["otc"].sentence


def test_a_policy_names_the_disks_for_which_a_run_was_not_made() -> None:
    row = policy(1)
    members(row, ["a", "b", "c"])
    run(row, "a", LAST_NIGHT, "made")
    run(row, "b", LAST_NIGHT, "failed", reason="AutoBackup.0001")
    run(row, "c", LAST_NIGHT, "never_started")
    run(row, "a", LAST_NIGHT - DAY, "late", late_seconds=7200)
    detail = report.policy_detail("otc", "policy-1", NOON, access=FULL_ACCESS)
    assert detail is not None
    newest, before = detail.slots
    assert [(run.volume_id, run.outcome, run.reason) for run in newest.not_made] == [
        ("b", "failed", "AutoBackup.0001"),
        ("c", "never_started", None),
    ]
    assert (before.not_made, before.outcomes.worst) == ((), "late")
    assert [member.volume_id for member in detail.named] == ["a", "b", "c"]
    assert [member.last_run_outcome for member in detail.named] == [
        "made",
        "failed",
        "never_started",
    ]
    [revision] = detail.revisions
    assert revision.sentence.endswith("The newest 7 backups are kept.")
