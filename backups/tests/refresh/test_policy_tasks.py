"""Which tasks of policies are asked for, and what is stored where not all of them come."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backups.clouds import registry
from backups.models import (
    Backup,
    Cloud,
    Policy,
    PolicyTask,
    Revision,
    SearchText,
    VaultResource,
    Volume,
)
from backups.refresh import policy_rows, policy_tasks, vault_rows
from backups.tests.facts import NOON
from backups.tests.otc import configure, silent
from backups.tests.policy_rows import policy
from backups.vbs.errors import OutOfBudget, Unauthorized, VBSError, WrongAddress
from backups.vbs.policies import (
    PolicyAnswer,
    Reading,
    ResourceType,
    Retention,
    TaskAnswer,
    TasksRead,
    TaskState,
    VaultAnswer,
    VaultResourceAnswer,
)

pytestmark = pytest.mark.django_db
M = timedelta(minutes=1)
H = timedelta(hours=1)
DAY = timedelta(days=1)
SLOT = NOON - 14 * H  # of the nightly policies, the newest one
MONDAYS = {"calendar": "vbs", "hours": ["08:00"], "frequency": None, "weekdays": ["MON"]}
LAST_MONDAY = datetime.fromisoformat("2026-11-23T08:00:00Z")


@dataclass
class Tasks:
    """Answers with the tasks of each policy, up to an error; notes what was asked."""

    tasks: Sequence[TaskAnswer] = ()
    errors: dict[str | None, VBSError] = field(default_factory=dict)
    known_since: datetime | None = None  # of a reading that an error or a limit ended
    is_cut: bool = False
    has_one_log: bool = False
    asked: list[tuple[str | None, datetime]] = field(default_factory=list)

    @property
    def dialect(self) -> Any:
        return SimpleNamespace(has_one_log=self.has_one_log)

    def read_tasks(self, policy_id: str | None, since: datetime) -> TasksRead:
        self.asked.append((policy_id, since))
        own = tuple(task for task in self.tasks if policy_id in (None, task.policy_id))
        error = self.errors.get(policy_id)
        if error is not None or self.is_cut:
            return TasksRead(own, self.known_since, is_whole=False, error=error)
        return TasksRead(own, since, is_whole=True)


@pytest.fixture(autouse=True)
def otc(settings: Any, tmp_path: Path) -> Cloud:
    configure(settings, tmp_path, silent("otc", vbs_api="vbs"))
    return Cloud.objects.create(name="otc", follow="all", last_good_at=NOON, backups_listed_at=NOON)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Tasks:
    service = Tasks()
    monkeypatch.setattr(registry, "client", lambda _: service)
    return service


def task(n: int, at: datetime, **words: Any) -> TaskAnswer:
    plain = TaskAnswer(
        f"t{n}", TaskState.MADE, "x", "policy-1", "disk-1", ResourceType.VOLUME, created_at=at
    )
    return replace(plain, **words)


def read_at(n: int = 1) -> datetime | None:
    return Policy.objects.get(policy_id=f"policy-{n}").tasks_read_at


def tasks_error() -> str | None:
    return Cloud.objects.get(pk="otc").tasks_error


def test_the_first_reading_goes_back_thirty_days_and_counts_where_it_reaches_the_first_sight(
    service: Tasks,
) -> None:
    policy(1, first_seen_at=NOON, tasks_read_at=None)
    service.tasks = [task(1, SLOT)]
    service.is_cut = True
    service.known_since = SLOT
    policy_tasks.read("otc", NOON)
    assert service.asked == [("policy-1", NOON - 30 * DAY)]
    assert (PolicyTask.objects.count(), read_at(), tasks_error()) == (1, NOON, None)


def test_what_came_before_the_budget_ended_is_kept_and_said(service: Tasks) -> None:
    policy(1, first_seen_at=NOON - H, tasks_read_at=None)
    policy(2, first_seen_at=NOON - H, tasks_read_at=None)
    service.tasks = [task(1, NOON - M), task(2, NOON - M, policy_id="policy-2")]
    service.errors = {"policy-1": OutOfBudget("The call budget is used up.")}
    service.known_since = NOON - M
    policy_tasks.read("otc", NOON)
    assert PolicyTask.objects.count() == 2
    assert (read_at(1), read_at(2)) == (None, NOON)
    assert tasks_error() == (
        "The tasks of some policies were not read to their end: The call budget is used up."
    )
    service.errors = {}
    policy_tasks.read("otc", NOON + H)
    # Not from thirty days ago on once more: the last two runs before it was first seen.
    assert service.asked[2:] == [("policy-1", NOON - H - 2 * DAY)]
    assert (read_at(1), tasks_error()) == (NOON + H, None)


def test_one_policy_without_tasks_blocks_no_other(service: Tasks) -> None:
    policy(1, tasks_read_at=NOON - DAY)
    policy(2, tasks_read_at=NOON - DAY)
    service.errors = {"policy-1": WrongAddress("There is none.", http_status=404)}
    policy_tasks.read("otc", NOON)
    assert (read_at(1), read_at(2)) == (NOON - DAY, NOON)
    assert tasks_error() == "The tasks of some policies were not read to their end: There is none."


def test_an_error_of_the_cloud_is_not_asked_for_again_and_again(service: Tasks) -> None:
    for n in (1, 2, 3):
        policy(n, tasks_read_at=NOON - DAY)
    service.errors = {"policy-1": Unauthorized("No.", http_status=401)}
    service.known_since = NOON - 30 * DAY
    policy_tasks.read("otc", NOON)
    assert len(service.asked) == 1
    assert (read_at(1), read_at(2)) == (NOON, NOON - DAY)
    assert tasks_error() is not None


def test_a_reading_that_is_not_whole_moves_no_time(service: Tasks) -> None:
    policy(1, tasks_read_at=NOON - DAY)
    service.is_cut = True
    for known_since in (None, NOON - H):
        service.known_since = known_since
        policy_tasks.read("otc", NOON)
        assert read_at() == NOON - DAY
        assert tasks_error() is not None


@pytest.mark.parametrize("days", [None, 40])
def test_a_reading_of_all_that_the_cloud_keeps_is_complete(
    service: Tasks, days: int | None
) -> None:
    policy(1, tasks_read_at=None if days is None else NOON - days * DAY)
    policy_tasks.read("otc", NOON)
    assert service.asked == [("policy-1", NOON - 30 * DAY)]
    assert (read_at(), tasks_error()) == (NOON, None)


def test_nothing_is_asked_of_a_policy_that_had_no_time_to_run(service: Tasks) -> None:
    policy(1, tasks_read_at=SLOT + 5 * H)
    PolicyTask.objects.create(
        cloud_id="otc", task_id="t1", policy_id="policy-1", state="made", created_at=SLOT
    )
    policy_tasks.read("otc", NOON)
    assert service.asked == []
    assert (read_at(), tasks_error()) == (SLOT + 5 * H, None)


def test_little_is_read_twice(service: Tasks) -> None:
    policy(1, tasks_read_at=SLOT + 2 * H)
    policy_tasks.read("otc", SLOT + 3 * H)
    assert service.asked == [("policy-1", SLOT + 2 * H - 15 * M)]


@pytest.mark.parametrize(("hours", "is_asked"), [(30, True), (31, False), (71, False), (73, False)])
def test_a_task_that_has_not_ended_is_asked_for_again(
    service: Tasks, hours: int, *, is_asked: bool
) -> None:
    now = LAST_MONDAY + hours * H + 5 * M
    policy(1, schedule=MONDAYS, tasks_read_at=now - H)
    created_at = LAST_MONDAY + 5 * M
    policy_tasks.store("otc", [task(1, created_at, state=TaskState.RUNNING)], now)
    policy_tasks.read("otc", now)
    assert service.asked == ([("policy-1", created_at)] if is_asked else [])


def test_a_weekly_policy_is_asked_until_its_run_was_seen(service: Tasks) -> None:
    now = LAST_MONDAY + 9 * H
    policy(1, schedule=MONDAYS, tasks_read_at=now - H)
    service.tasks = [task(1, now - M)]
    policy_tasks.read("otc", now)
    assert len(service.asked) == 1
    policy_tasks.read("otc", now + H)
    assert len(service.asked) == 1
    PolicyTask.objects.all().delete()
    Policy.objects.update(tasks_read_at=LAST_MONDAY + 24 * H)
    policy_tasks.read("otc", LAST_MONDAY + 25 * H)
    assert len(service.asked) == 1


def test_the_one_log_is_read_once_for_all_policies(service: Tasks) -> None:
    policy(1, tasks_read_at=NOON - DAY)
    policy(2, schedule=MONDAYS, tasks_read_at=NOON - DAY - H)
    service.has_one_log = True
    policy_tasks.read("otc", NOON)
    assert service.asked == [(None, NOON - DAY - H - 15 * M)]
    assert (read_at(1), read_at(2)) == (NOON, NOON)


def test_a_new_policy_of_cbr_makes_the_log_be_read_for_one_day_more(service: Tasks) -> None:
    policy(1, api="cbr", tasks_read_at=NOON - H)
    policy(2, api="cbr", schedule=MONDAYS, first_seen_at=NOON, tasks_read_at=None)
    policy_tasks.store("otc", [task(1, SLOT)], NOON - H)
    service.has_one_log = True
    policy_tasks.read("otc", NOON)
    assert service.asked == [(None, NOON - DAY)]


def test_a_task_from_the_future_is_left_out_and_said(service: Tasks) -> None:
    policy(1, tasks_read_at=NOON - DAY)
    late = datetime.fromisoformat("2999-01-01T00:00:00Z")
    service.tasks = [task(1, late), task(2, SLOT, started_at=late, ended_at=late)]
    policy_tasks.read("otc", NOON)
    row = PolicyTask.objects.get()
    assert (row.task_id, row.started_at, row.ended_at) == ("t2", None, None)
    assert read_at() == NOON - DAY
    assert (tasks_error() or "").endswith("A task has a time that is not plausible.")


def test_a_reason_is_found_and_in_the_history() -> None:
    policy(1)
    Volume.objects.create(
        cloud_id="otc", volume_id="disk-1", name="db01", first_seen_at=NOON - 40 * DAY
    )
    Volume.objects.create(cloud_id="otc", volume_id="disk-2", first_seen_at=NOON - 40 * DAY)
    failed = Backup.objects.create(
        id=uuid.UUID(int=9),
        cloud_id="otc",
        volume_id="disk-1",
        name="autobk_1",
        status="error",
        tracked_at=NOON - DAY,
        created_at=SLOT,
        refreshed_at=SLOT,
    )
    SearchText.objects.put([vars(failed)])
    # The task is about another volume, as a server's is about none.
    answer = task(
        1,
        SLOT,
        state=TaskState.FAILED,
        resource_id="disk-2",
        backup_id=str(failed.pk),
        error_message="The vault is full.",
    )
    policy_tasks.store("otc", [answer], NOON)
    policy_tasks.store("otc", [answer], NOON + H)
    for text in ("vault is full", "autobk_1", "db01"):
        assert SearchText.objects.holding(text).filter(backup=failed).exists()
    revision = Revision.objects.get()
    assert (revision.backup_id, revision.at) == (failed.pk, NOON)
    assert revision.changes == [
        {"word": "fail_reason", "before": None, "after": "The vault is full."}
    ]
    assert Volume.objects.get(volume_id="disk-1").derive_at == NOON


def test_the_task_of_a_server_concerns_its_disks() -> None:
    policy(1)
    for n, server_ids in enumerate((["s1", "s2"], ["s3"], None)):
        Volume.objects.create(
            cloud_id="otc", volume_id=f"disk-{n}", server_ids=server_ids, first_seen_at=NOON
        )
    answer = task(1, SLOT, resource_id="s2", resource_type=ResourceType.SERVER)
    policy_tasks.store("otc", [answer], NOON)
    marked = Volume.objects.filter(derive_at=NOON).values_list("volume_id", flat=True)
    assert list(marked) == ["disk-0"]


def test_numbers_larger_than_their_columns_are_stored_as_the_largest() -> None:
    resource = VaultResourceAnswer(
        "disk-1", ResourceType.VOLUME, size_gb=2**63 - 1, stored_mb=2**63 - 1, backup_count=10**12
    )
    vault = VaultAnswer(
        id="v1",
        name="vault",
        status=None,
        object_type=None,
        size_gb=2**63 - 1,
        allocated_gb=2**63 - 1,
        used_mb=2**63 - 1,
        auto_expand=None,
        locked=None,
        resources=(resource,),
    )
    schedule: dict[str, object] = {"calendar": "vbs", "hours": ["22:00"], "frequency": 1}
    answer = PolicyAnswer("p", "p", True, schedule, Retention(count=1), claimed=10**12)
    reading = Reading((answer,), (vault,))
    policy_rows.store("otc", reading, NOON)
    vault_rows.store("otc", reading, NOON)
    row = VaultResource.objects.get()
    assert (row.backup_count, row.size_gb) == (policy_rows.LARGEST_COUNT, 2**63 - 1)
    assert Policy.objects.get().claimed == policy_rows.LARGEST_COUNT
