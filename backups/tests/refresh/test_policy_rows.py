"""Policies, vaults and tasks as they are stored, and what follows for disks."""

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backups.derived.volumes import derive_all
from backups.models import (
    FULL_ACCESS,
    Backup,
    Cloud,
    Policy,
    PolicyMember,
    PolicyRevision,
    Run,
    Vault,
    VaultResource,
    Volume,
)
from backups.refresh import members, policy_rows, policy_tasks, vault_rows
from backups.reports.volume_pages import volume_state
from backups.reports.volume_runs import volume_plan
from backups.tests.facts import NOON
from backups.tests.otc import configure, silent
from backups.vbs.policies import (
    PolicyAnswer,
    Reading,
    ResourceType,
    Retention,
    TaskAnswer,
    TaskState,
    VaultAnswer,
    VaultResourceAnswer,
)

pytestmark = pytest.mark.django_db
H = timedelta(hours=1)
M = timedelta(minutes=1)
DAY = timedelta(days=1)
# Four hours before NOON, every day.
AT_EIGHT = {
    "calendar": "vbs",
    "hours": ["08:00"],
    "frequency": 1,
    "weekdays": None,
    "time_zone": None,
}


@pytest.fixture(autouse=True)
def otc(settings: Any, tmp_path: Path) -> Cloud:
    configure(settings, tmp_path, silent("otc", vbs_api="vbs"))
    return Cloud.objects.create(name="otc", follow="all", last_good_at=NOON, backups_listed_at=NOON)


def policy(**words: Any) -> PolicyAnswer:
    plain: dict[str, Any] = {
        "id": "p1",
        "name": "nightly",
        "enabled": True,
        "schedule": AT_EIGHT,
        "retention": Retention(count=10),
    }
    return PolicyAnswer(**{**plain, **words})


def store(*answers: PolicyAnswer, at: datetime = NOON, is_whole: bool = True) -> bool:
    return policy_rows.store("otc", Reading(answers, is_whole=is_whole), at)


def disk(n: int = 1, **words: Any) -> Volume:
    return Volume.objects.create(
        cloud_id="otc", volume_id=f"disk-{n}", first_seen_at=NOON - 40 * DAY, **words
    )


def task(n: int, at: datetime, **words: Any) -> TaskAnswer:
    plain: dict[str, Any] = {
        "id": f"t{n}",
        "state": TaskState.MADE,
        "status": "EXECUTE_SUCCESS",
        "policy_id": "p1",
        "resource_id": "disk-1",
        "resource_type": ResourceType.VOLUME,
        "created_at": at,
    }
    return TaskAnswer(**{**plain, **words})


def note(*tasks: TaskAnswer, at: datetime = NOON) -> None:
    policy_tasks.store("otc", tasks, at)
    Policy.objects.update(tasks_read_at=at)
    Cloud.objects.update(policies_read_at=at, policies_error=None)
    members.note("otc", at)


def outcomes(volume: Volume) -> list[tuple[datetime, str]]:
    rows = Run.objects.filter(volume=volume).exclude(outcome="not_known").order_by("slot_at")
    return list(rows.values_list("slot_at", "outcome"))


def test_a_change_makes_a_revision_and_an_equal_reading_none() -> None:
    store(policy())
    store(policy(), at=NOON + H)
    assert PolicyRevision.objects.count() == 1
    store(policy(enabled=False), at=NOON + 2 * H)
    rows = PolicyRevision.objects.order_by("since").values_list("since", "enabled")
    assert list(rows) == [(NOON, True), (NOON + 2 * H, False)]
    row = Policy.objects.get()
    assert (row.first_seen_at, row.seen_at, row.period_seconds) == (NOON, NOON + 2 * H, 86_400)


def test_a_schedule_that_cannot_be_read_is_kept_and_said() -> None:
    store(policy(schedule={**AT_EIGHT, "hours": ["24:00"]}))
    row = Policy.objects.get()
    assert row.period_seconds is None
    assert len(row.problems) == 1
    assert "24:00" in row.problems[0]


def test_a_policy_is_gone_when_two_whole_readings_lack_it() -> None:
    store(policy())
    assert not store(at=NOON + H, is_whole=False)
    assert Policy.objects.get().missing_since is None
    assert store(at=NOON + H)
    assert store(at=NOON + H + 9 * M)
    assert Policy.objects.get().deleted_at is None
    assert not store(at=NOON + H + 10 * M)
    assert Policy.objects.get().deleted_at == NOON + H
    store(policy(), at=NOON + 2 * H)
    row = Policy.objects.get()
    assert (row.deleted_at, row.missing_since) == (None, None)
    assert PolicyRevision.objects.count() == 2


def test_an_older_reading_changes_nothing() -> None:
    store(policy(), at=NOON + H)
    store(policy(name="of before"), at=NOON)
    assert Policy.objects.get().name == "nightly"


def test_a_task_shows_in_which_policy_a_disk_is() -> None:
    volume = disk()
    store(policy(claimed=1), at=NOON - 2 * DAY)
    note(task(1, NOON - 4 * H))
    member = PolicyMember.objects.get()
    assert (member.volume_id, member.source, member.until) == ("disk-1", "task", None)
    volume.refresh_from_db()
    assert (volume.schedule_read, volume.policy_id) == ("scheduled", Policy.objects.get().pk)


def test_a_disk_is_in_one_policy_alone() -> None:
    disk()
    store(policy(), policy(id="p2", name="weekly"), at=NOON - 9 * DAY)
    note(task(1, NOON - 2 * DAY), task(2, NOON - DAY, policy_id="p2"))
    rows = PolicyMember.objects.order_by("since").values_list("policy__policy_id", "until")
    assert list(rows) == [("p1", NOON - 28 * H), ("p2", None)]
    # Read once more, in another order: nothing changes.
    note(task(2, NOON - DAY, policy_id="p2"), task(1, NOON - 2 * DAY), at=NOON + H)
    assert PolicyMember.objects.count() == 2


def test_a_disk_may_be_one_that_the_policy_claims_and_that_was_not_seen() -> None:
    volume = disk(2)
    store(policy(claimed=2), at=NOON - 2 * DAY)
    note(task(1, NOON - 4 * H))
    volume.refresh_from_db()
    assert volume.schedule_read == "unknown"
    store(policy(claimed=1), at=NOON + H)
    note(at=NOON + H)
    volume.refresh_from_db()
    assert volume.schedule_read == "none"


def test_runs_are_judged_by_the_revision_of_their_time() -> None:
    volume = disk()
    store(policy(claimed=1), at=NOON - 3 * DAY)
    note(
        task(1, NOON - 2 * DAY - 4 * H + 5 * M),
        task(2, NOON - DAY - 4 * H, state=TaskState.SKIPPED),
    )
    assert outcomes(volume) == [
        (NOON - 2 * DAY - 4 * H, "made"),
        (NOON - DAY - 4 * H, "skipped"),
        (NOON - 4 * H, "never_started"),
    ]
    store(policy(claimed=1))
    store(policy(claimed=1, enabled=False), at=NOON + H)
    note(at=NOON + H)
    derive_all("otc", NOON + 2 * DAY)
    # Nothing was promised since it was switched off; what was promised before stays promised.
    assert [at for at, _ in outcomes(volume)][-1] == NOON - 4 * H
    volume.refresh_from_db()
    assert (volume.schedule_read, volume.last_run_outcome) == ("off", "never_started")


def test_a_run_between_two_readings_that_differ_is_no_run_that_never_started() -> None:
    """Nobody knows by which of the two it was promised; evidence tells all the same."""
    volumes = [disk(n) for n in (1, 2)]
    store(policy(), at=NOON - 3 * DAY)
    # At 07:00 it is on, at 09:00 it is off.
    store(policy(), at=NOON - 5 * H)
    store(policy(enabled=False), at=NOON - 3 * H)
    old = [task(n, NOON - DAY - 4 * H, resource_id=f"disk-{n}") for n in (1, 2)]
    note(*old, task(3, NOON - 4 * H + M, resource_id="disk-2"))
    for volume, outcome in zip(volumes, ("not_known", "made"), strict=True):
        newest = Run.objects.filter(volume=volume).latest("slot_at")
        assert (newest.slot_at, newest.outcome) == (NOON - 4 * H, outcome)


def test_a_disk_that_left_its_policy_was_not_missed_by_the_run_before_that_was_seen() -> None:
    volume = disk()
    store(policy(claimed=2), at=NOON - 3 * DAY)
    day_before = [task(n, NOON - DAY - 4 * H, resource_id=f"disk-{n}") for n in (1, 2)]
    note(*day_before, at=NOON - DAY)
    # Taken out before the run of today, which is over the other one alone.
    store(policy(claimed=1))
    note(task(3, NOON - 4 * H, resource_id="disk-2"))
    store(policy(claimed=1), at=NOON + H)
    note(at=NOON + H)
    assert PolicyMember.objects.get(volume_id="disk-1").until == NOON
    assert outcomes(volume) == [(NOON - DAY - 4 * H, "made")]
    newest = Run.objects.filter(volume=volume).latest("slot_at")
    assert (newest.slot_at, newest.outcome) == (NOON - 4 * H, "not_known")


def test_a_disk_that_is_deleted_counts_no_more_among_those_that_a_policy_claims() -> None:
    gone = disk(1)
    new = disk(2)
    store(policy(claimed=1), at=NOON - 3 * DAY)
    note(task(1, NOON - 4 * H))
    assert words_of(new) == ["none"]
    Volume.objects.filter(pk=gone.pk).update(deleted_at=NOON + M)
    members.leave_with_volumes("otc", [gone.pk])
    note(at=NOON + H)
    assert PolicyMember.objects.get().until == NOON + M
    # The one that it claims to have may be the new one.
    assert words_of(new) == ["unknown"]


def test_what_a_disk_names_does_not_outdo_the_task_that_ran_for_it() -> None:
    volume = disk()
    store(policy(), policy(id="p2", enabled=False), at=NOON - 3 * DAY)
    note(task(1, NOON - 4 * H))
    members.note_volumes("otc", {"disk-1": "p2"}, NOON + M, is_complete=True)
    assert PolicyMember.objects.get().policy.policy_id == "p1"
    assert words_of(volume) == ["scheduled"]


def test_a_run_of_which_no_task_may_be_read_is_proved_by_the_list_of_its_own_service() -> None:
    """That the other service lists all backups proves nothing of this one's."""
    own = disk()
    Cloud.objects.create(name="other", other_service="otc")
    Cloud.objects.update(policies_read_at=NOON)
    Cloud.objects.filter(name="otc").update(other_service="other")
    store(policy(claimed=1), at=NOON - 3 * DAY)
    row = Policy.objects.get()
    PolicyMember.objects.create(
        policy=row, volume_id="disk-1", source="task", since=NOON - 3 * DAY, seen_at=NOON
    )
    derive_all("otc", NOON)
    assert outcomes(own)[-1] == (NOON - 4 * H, "never_started")
    Policy.objects.update(cloud="other")
    Volume.objects.update(runs_judge_at=NOON)
    derive_all("otc", NOON)
    assert outcomes(own) == []


def test_a_backup_of_a_policy_that_is_not_known_is_no_run_of_another() -> None:
    volume = disk()
    store(policy(claimed=1), at=NOON - 3 * DAY)
    Backup.objects.create(
        id=uuid.UUID(int=9),
        cloud_id="otc",
        volume_id="disk-1",
        name="autobk_1",
        status="available",
        outcome="good",
        kind="full",
        policy_id="stranger",
        tracked_at=NOON,
        created_at=NOON - 4 * H,
        refreshed_at=NOON,
    )
    note(task(1, NOON - DAY - 4 * H))
    assert outcomes(volume)[-1] == (NOON - 4 * H, "never_started")


def test_a_deleted_disk_was_promised_nothing_since() -> None:
    volume = disk(deleted_at=NOON - DAY - 12 * H)
    store(policy(claimed=1), at=NOON - 3 * DAY)
    note(task(1, NOON - 2 * DAY - 4 * H))
    assert outcomes(volume) == [(NOON - 2 * DAY - 4 * H, "made")]


def test_nothing_is_known_of_runs_before_the_policy_was_seen() -> None:
    volume = disk()
    store(policy(claimed=1), at=NOON)
    note(task(1, NOON - DAY - 4 * H))
    outcomes_by_slot = set(Run.objects.values_list("outcome", flat=True))
    assert outcomes_by_slot == {"not_known"}
    assert Run.objects.filter(volume=volume).count() == 30


def test_a_task_that_does_not_say_when_it_started_started_with_its_backup() -> None:
    volume = disk()
    Backup.objects.create(
        id=uuid.UUID(int=8),
        cloud_id="otc",
        volume_id="disk-1",
        name="autobk_8a8b",
        status="available",
        outcome="good",
        kind="full",
        tracked_at=NOON,
        created_at=NOON - H,
        refreshed_at=NOON,
    )
    store(policy(claimed=1), at=NOON - DAY)
    note(task(1, NOON - 4 * H, backup_name="autobk_8a8b"))
    run = Run.objects.get(volume=volume, slot_at=NOON - 4 * H)
    assert (run.outcome, run.late_seconds) == ("late", 3 * 3600)
    assert run.backup_id == uuid.UUID(int=8)


def test_a_schedule_that_is_our_reckoning_never_says_never_started_until_it_is_borne_out() -> None:
    volume = disk()
    every_second_day = {
        "calendar": "rrule",
        "patterns": ["FREQ=DAILY;INTERVAL=2;BYHOUR=8;BYMINUTE=00"],
        "start_time": "2026-11-01T00:00:00Z",
    }
    store(policy(schedule=every_second_day, claimed=1), at=NOON - 12 * DAY)
    PolicyMember.objects.create(
        policy=Policy.objects.get(),
        volume_id="disk-1",
        source="task",
        since=NOON - 12 * DAY,
        seen_at=NOON,
    )
    note()
    words = set(Run.objects.filter(volume=volume).values_list("outcome", flat=True))
    assert words == {"not_known"}
    runs = Run.objects.filter(volume=volume, slot_at__gt=NOON - 12 * DAY).order_by("slot_at")
    slots = list(runs.values_list("slot_at", flat=True))
    # One start is none of every second week.
    note(task(1, slots[-1] + 5 * M))
    words = set(Run.objects.filter(slot_at__gt=NOON - 12 * DAY).values_list("outcome", flat=True))
    assert words == {"made", "not_known"}
    note(task(1, slots[-1] + 5 * M), task(2, slots[0] + 5 * M))
    assert slots[-1] - slots[0] >= 7 * DAY
    words = set(Run.objects.filter(slot_at__gt=NOON - 12 * DAY).values_list("outcome", flat=True))
    assert words == {"made", "never_started"}


def test_a_backup_tells_of_a_run_where_tasks_may_not_be_read() -> None:
    volume = disk()
    Backup.objects.create(
        id=uuid.UUID(int=7),
        cloud_id="otc",
        volume_id="disk-1",
        name="autobk_1f2e",
        status="available",
        outcome="good",
        kind="full",
        tracked_at=NOON,
        created_at=NOON - DAY - 2 * H,
        refreshed_at=NOON,
        stale_at=NOON + 12 * H,
    )
    store(policy(claimed=1), at=NOON - 2 * DAY)
    PolicyMember.objects.create(
        policy=Policy.objects.get(),
        volume_id="disk-1",
        source="disk",
        since=NOON - 2 * DAY,
        seen_at=NOON,
    )
    derive_all("otc", NOON)
    run = Run.objects.get(slot_at=NOON - DAY - 4 * H)
    assert (run.volume, run.outcome, run.late_seconds) == (volume, "late", 7200)
    assert run.backup_id == uuid.UUID(int=7)
    assert outcomes(volume)[-1] == (NOON - 4 * H, "never_started")
    Cloud.objects.update(backups_listed_at=NOON - 5 * H)
    derive_all("otc", NOON)
    # A later backup may be there without being known.
    assert Run.objects.get(slot_at=NOON - 4 * H).outcome == "not_known"


def test_a_disk_without_a_rule_is_judged_by_the_period_of_its_policy() -> None:
    volume = disk()
    every_third_day = {**AT_EIGHT, "frequency": 3}
    store(policy(schedule=every_third_day, claimed=1), at=NOON - 4 * DAY)
    note(task(1, NOON - 4 * H))
    volume.refresh_from_db()
    assert (volume.rule_from, volume.rule_tag) == ("policy", "nightly")
    assert volume.effective_period_seconds == 3 * 86_400
    Volume.objects.update(rule_period_seconds=3600, rule_grace_seconds=60)
    derive_all("otc", NOON)
    volume.refresh_from_db()
    assert (volume.rule_from, volume.effective_period_seconds) == ("disk", 3600)


def test_a_vault_names_its_disks_and_those_of_its_servers(settings: Any, tmp_path: Path) -> None:
    configure(settings, tmp_path, silent("otc", vbs_api="cbr"))
    inside = disk(1)
    of_server = disk(2, server_ids=["server-1"])
    left_out = disk(3, server_ids=["server-1"])
    outside = disk(4, server_ids=[])
    reading = Reading(
        (policy(vault_ids=("v1",)),),
        vaults=(vault(),),
    )
    read(reading, NOON)
    words = {}
    for volume in (inside, of_server, left_out, outside):
        volume.refresh_from_db()
        words[volume.volume_id] = volume.schedule_read
    assert words == {
        "disk-1": "scheduled",
        "disk-2": "scheduled",
        "disk-3": "none",
        "disk-4": "none",
    }
    assert (inside.vault, inside.vault_mb) == (Vault.objects.get(), 900)
    inside.refresh_from_db()
    assert inside.chain_size_mb == 900


def test_a_server_whose_disks_nobody_knows_leaves_it_open_which_disk_is_in_no_schedule(
    settings: Any, tmp_path: Path
) -> None:
    configure(settings, tmp_path, silent("otc", vbs_api="cbr"))
    outside = disk(4)
    answer = policy(vault_ids=("v1",))
    read(Reading((answer,), vaults=(vault(),)), NOON)
    outside.refresh_from_db()
    assert outside.schedule_read == "unknown"
    named = VaultResourceAnswer("server-1", ResourceType.SERVER, included=("disk-9",))
    read(Reading((answer,), vaults=(vault(resources=(named,)),)), NOON + H)
    outside.refresh_from_db()
    assert outside.schedule_read == "none"
    assert PolicyMember.objects.filter(volume_id="disk-9", until=None).exists()


@pytest.mark.parametrize("hours", [None, 3, 2])
def test_a_disk_whose_servers_were_not_read_lately_may_be_in_a_policy_of_servers(
    settings: Any, tmp_path: Path, hours: int | None
) -> None:
    configure(settings, tmp_path, silent("otc", vbs_api="cbr"))
    outside = disk(4, server_ids=None if hours is None else [])
    disk(2, server_ids=["server-1"])
    read(Reading((policy(vault_ids=("v1",)),), vaults=(vault(),)), NOON)
    Cloud.objects.update(policies_read_at=NOON + (hours or 0) * H)
    members.note("otc", NOON + (hours or 0) * H)
    assert words_of(outside) == ["none" if hours == 2 else "unknown"]
    state = volume_state("otc", "disk-4", NOON + (hours or 0) * H, access=FULL_ACCESS)
    assert state is not None
    plan = volume_plan(state, NOON + (hours or 0) * H, access=FULL_ACCESS)
    assert ("to which servers this one is attached" in plan.sentence) == (hours != 2)


def test_a_vault_remembers_how_much_was_used_on_each_day() -> None:
    for days, used_mb in ((0, 900), (1, 950), (91, 1000)):
        reading = Reading((), vaults=(vault(used_mb=used_mb),))
        vault_rows.store("otc", reading, NOON + days * DAY)
        vault_rows.store("otc", reading, NOON + days * DAY + H)
    assert Vault.objects.get().used_by_day == {"2026-11-25": 950, "2027-02-23": 1000}


def test_half_a_vault_takes_no_disk_out_of_it(settings: Any, tmp_path: Path) -> None:
    configure(settings, tmp_path, silent("otc", vbs_api="cbr"))
    disk(1)
    answer = policy(vault_ids=("v1",))
    read(Reading((answer,), vaults=(vault(),)), NOON)
    half = vault(resources=(), is_whole=False)
    for hours in (1, 2):
        read(Reading((answer,), vaults=(half,)), NOON + hours * H)
    assert VaultResource.objects.count() == 2
    assert PolicyMember.objects.get(volume_id="disk-1").until is None
    empty = vault(resources=())
    for hours in (3, 4, 5, 6):
        read(Reading((answer,), vaults=(empty,)), NOON + hours * H)
    assert VaultResource.objects.count() == 0
    assert PolicyMember.objects.get(volume_id="disk-1").until is not None


def test_the_reason_of_a_failed_backup_comes_from_its_task() -> None:
    disk()
    failed = Backup.objects.create(
        id=uuid.UUID(int=9),
        cloud_id="otc",
        volume_id="disk-1",
        status="error",
        tracked_at=NOON,
        created_at=NOON - 4 * H,
        refreshed_at=NOON,
    )
    store(policy(), at=NOON - DAY)
    note(
        task(
            1,
            NOON - 4 * H,
            state=TaskState.FAILED,
            backup_id=str(failed.pk),
            error_code="BackupService.6114",
            error_message="The vault is full.",
        )
    )
    failed.refresh_from_db()
    assert failed.fail_reason == "BackupService.6114: The vault is full."
    assert failed.cause is not None
    run = Run.objects.get(slot_at=NOON - 4 * H)
    assert (run.outcome, run.reason) == ("failed", "BackupService.6114: The vault is full.")


def vault(**words: Any) -> VaultAnswer:
    server = VaultResourceAnswer("server-1", ResourceType.SERVER, excluded=("disk-3",))
    volume = VaultResourceAnswer("disk-1", ResourceType.VOLUME, stored_mb=900)
    plain: dict[str, Any] = {
        "id": "v1",
        "name": "vault",
        "status": "available",
        "object_type": "disk",
        "size_gb": 100,
        "allocated_gb": 50,
        "used_mb": 900,
        "auto_expand": False,
        "locked": False,
        "resources": (volume, server),
    }
    return VaultAnswer(**{**plain, **words})


def read(reading: Reading, at: datetime) -> None:
    policy_rows.store("otc", reading, at)
    vault_rows.store("otc", reading, at)
    Cloud.objects.update(policies_read_at=at)
    # To which servers they are attached is told by a list of volumes.
    Volume.objects.filter(server_ids__isnull=False).update(listed_at=at)
    members.note("otc", at)


def words_of(*volumes: Volume) -> list[str]:
    for volume in volumes:
        volume.refresh_from_db()
    return [volume.schedule_read for volume in volumes]


def test_a_policy_that_has_no_disk_any_more_loses_those_that_were_seen_in_it() -> None:
    volume = disk()
    store(policy(claimed=1), at=NOON - 2 * DAY)
    note(task(1, NOON - 4 * H))
    store(policy(claimed=0), at=NOON + H)
    note(at=NOON + H)
    # Without another reading of the count nothing is confirmed.
    note(at=NOON + 2 * H)
    assert PolicyMember.objects.get().until is None
    assert words_of(volume) == ["unknown"]
    store(policy(claimed=0), at=NOON + 3 * H)
    note(at=NOON + 3 * H)
    assert PolicyMember.objects.get().until == NOON + H
    assert words_of(volume) == ["none"]
    # What the disk's own metadata say is older than the count.
    members.note_volumes("otc", {"disk-1": "p1"}, NOON + 3 * H, is_complete=True)
    assert PolicyMember.objects.filter(until=None).count() == 0


def test_who_is_left_in_a_policy_that_lost_disks_is_told_by_its_next_run() -> None:
    volumes = [disk(n) for n in (1, 2, 3)]
    store(policy(claimed=3), at=NOON - 2 * DAY)
    note(*[task(n, NOON - 4 * H, resource_id=f"disk-{n}") for n in (1, 2, 3)])
    assert words_of(*volumes) == ["scheduled"] * 3
    store(policy(claimed=2), at=NOON + H)
    note(at=NOON + H)
    assert words_of(*volumes) == ["unknown"] * 3
    tomorrow = NOON + 20 * H
    store(policy(claimed=2), at=tomorrow + M)
    note(*[task(n + 3, tomorrow, resource_id=f"disk-{n}") for n in (1, 2)], at=tomorrow + M)
    assert words_of(*volumes) == ["scheduled", "scheduled", "unknown"]
    store(policy(claimed=2), at=tomorrow + H)
    note(at=tomorrow + H)
    assert words_of(*volumes) == ["scheduled", "scheduled", "none"]


@pytest.mark.parametrize(
    ("words", "resources", "word"),
    [
        ({}, {}, "none"),
        # What is wrong with its times leaves its disks known.
        ({"problems": ("A pattern cannot be read.",)}, {}, "none"),
        ({}, {"problems": ("The size of the vault cannot be read.",)}, "none"),
        ({"vaults_known": False}, {}, "unknown"),
        ({"vault_ids": ("v1", "v2")}, {}, "unknown"),
        ({}, {"is_whole": False}, "unknown"),
    ],
)
def test_only_what_was_not_read_of_its_disks_leaves_a_policy_open(
    settings: Any, tmp_path: Path, words: Any, resources: Any, word: str
) -> None:
    configure(settings, tmp_path, silent("otc", vbs_api="cbr"))
    outside = disk(4, server_ids=[])
    disk(2, server_ids=["server-1"])
    answer = policy(**{"vault_ids": ("v1",), **words})
    read(Reading((answer,), vaults=(vault(**resources),)), NOON)
    assert words_of(outside) == [word]


def test_a_disk_leaves_the_policy_that_its_metadata_name_no_more() -> None:
    disk()
    store(policy(claimed=1), at=NOON - DAY)
    members.note_volumes("otc", {"disk-1": "p1"}, NOON, is_complete=True)
    member = PolicyMember.objects.get()
    assert (member.source, member.until) == ("disk", None)
    for hours in (1, 2):
        members.note_volumes("otc", {}, NOON + hours * H, is_complete=False)
    members.note_volumes("otc", {}, NOON + 3 * H, is_complete=True)
    members.note_volumes("otc", {"disk-1": "p1"}, NOON + 4 * H, is_complete=True)
    members.note_volumes("otc", {"disk-1": "p2"}, NOON + 5 * H, is_complete=True)
    assert PolicyMember.objects.get().until is None
    members.note_volumes("otc", {"disk-1": "p2"}, NOON + 6 * H, is_complete=True)
    assert PolicyMember.objects.get().until == NOON + 5 * H
