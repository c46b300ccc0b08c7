"""What is coming: each kind with its date and sum, its borders, and what foretells nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backups.analysis.forecast import (
    Coming,
    ComingKind,
    LeftDisk,
    MemberPlan,
    PolicyPlan,
    ProjectPlan,
    VaultPlan,
    coming,
)
from backups.analysis.schedule import Schedule, read
from backups.vbs.policies import Retention

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TONIGHT = datetime(2026, 11, 25, 22, tzinfo=UTC)


def vbs(hours: Sequence[str] = ("22:00",), **days: object) -> Schedule:
    return read({"calendar": "vbs", "hours": list(hours), **(days or {"frequency": 1})})


def disks(
    number: int, *, kept: int = 0, by_hand: int = 0, size_gb: int | None = 10, first: int = 0
) -> tuple[MemberPlan, ...]:
    def disk(n: int) -> MemberPlan:
        return MemberPlan(f"v{n}", f"disk {n}", kept, kept + by_hand, size_gb)

    return tuple(map(disk, range(first, first + number)))


def policy(**values: Any) -> PolicyPlan:
    members = values.pop("members", disks(2))
    plan = PolicyPlan(
        cloud="c",
        policy=1,
        name="nightly",
        enabled=True,
        schedule=vbs(),
        retention=Retention(count=10),
        members=members,
        claimed=len(members),
    )
    return replace(plan, **values)


def project(**values: Any) -> ProjectPlan:
    return replace(ProjectPlan(cloud="c"), **values)


def events(*policies: PolicyPlan, now: datetime = NOW, **rest: Any) -> list[Coming]:
    return coming(policies=policies, now=now, **rest)


def only(*policies: PolicyPlan, **rest: Any) -> Coming:
    (event,) = events(*policies, **rest)
    return event


def test_a_plan_that_fits_foretells_nothing() -> None:
    assert events(policy(members=disks(2, kept=10)), projects=[project(quota_backups=20)]) == []


# --- quotas ---


def test_a_plan_that_needs_more_than_the_quota_says_when_and_by_which_sum() -> None:
    plan = policy(members=disks(45, kept=7))
    event = only(plan, projects=[project(quota_backups=400, used_backups=330)])
    # 315 by the policy and 15 others; each night 45 more: 375, then 420.
    assert event == Coming(
        kind=ComingKind.QUOTA_BACKUPS,
        at=TONIGHT + DAY,
        cloud="c",
        policy=1,
        vault=None,
        volume_id=None,
        subject="quota of backups",
        sum=(
            "Policy “nightly” comes to keep 10 backups of each of 45 disks: 450 backups; the quota "
            "is 400 backups; 330 backups count now. The run of 2026-11-26 22:00 UTC needs more "
            "than the quota."
        ),
        advice="Ask the cloud for a larger quota, keep fewer backups, or take disks out.",
    )


def test_backups_beside_the_plan_fill_the_quota_too() -> None:
    plan = policy(members=disks(4, kept=9))
    assert events(plan, projects=[project(quota_backups=40, used_backups=36)]) == []
    event = only(plan, projects=[project(quota_backups=40, used_backups=37)])
    assert (event.kind, event.at) == (ComingKind.QUOTA_BACKUPS, TONIGHT)
    assert "40 backups; the quota is 40 backups; 37 backups count now" in event.sum


@pytest.mark.parametrize(
    ("quota", "used", "count"), [(None, 10**6, 10), (-1, 10**6, 10), (20, 20, 10), (20, 2, 10)]
)
def test_no_limit_and_a_limit_that_is_just_enough_foretell_nothing(
    quota: int | None, used: int, count: int
) -> None:
    kept = min(used // 2, count)
    plan = policy(members=disks(2, kept=kept), retention=Retention(count=count))
    assert events(plan, projects=[project(quota_backups=quota, used_backups=used)]) == []


def test_a_quota_that_is_exceeded_already_fails_at_the_next_run() -> None:
    plan = policy(members=disks(2, kept=10))
    event = only(plan, projects=[project(quota_backups=19, used_backups=20)])
    assert event.at == TONIGHT


def test_disks_that_were_never_seen_count_in_the_plan_and_move_no_date() -> None:
    plan = policy(members=disks(3, kept=10), claimed=10)
    event = only(plan, projects=[project(quota_backups=99, used_backups=30)])
    assert event.at is None
    assert "10 backups of each of 10 disks: 100 backups; the quota is 99" in event.sum
    assert events(plan, projects=[project(quota_backups=100, used_backups=30)]) == []


def test_gigabytes_count_the_size_of_the_disk_for_each_backup() -> None:
    plan = policy(members=disks(2, kept=8, size_gb=40))
    event = only(plan, projects=[project(quota_gigabytes=799, used_gigabytes=640)])
    assert (event.kind, event.at) == (ComingKind.QUOTA_GIGABYTES, TONIGHT + DAY)
    assert "800 GB; the quota is 799 GB; 640 GB count now" in event.sum
    assert events(plan, projects=[project(quota_gigabytes=800, used_gigabytes=640)]) == []
    unknown = policy(members=disks(2, kept=8, size_gb=None))
    assert events(unknown, projects=[project(quota_gigabytes=1, used_gigabytes=0)]) == []


def test_a_policy_that_deletes_nothing_fills_any_quota() -> None:
    plan = policy(retention=Retention(forever=True))
    event = only(plan, projects=[project(quota_backups=20, used_backups=11)])
    assert event.at == TONIGHT + 4 * DAY  # 13, 15, 17, 19, 21
    assert event.sum.startswith("Policy “nightly” deletes no backup of 2 disks; the quota is 20")
    # Not within the horizon: a guess about next year.
    assert events(plan, projects=[project(quota_backups=2000)]) == []
    empty = policy(retention=Retention(forever=True), members=(), claimed=None)
    assert events(empty, projects=[project(quota_backups=0)]) == []


def test_advanced_rules_of_a_cloud_are_not_reckoned() -> None:
    plan = policy(retention=Retention(count=10, per_week=4))
    assert events(plan, projects=[project(quota_backups=3, used_backups=3)]) == []


def test_a_policy_that_is_off_or_of_another_cloud_fills_no_quota() -> None:
    tight = project(quota_backups=3)
    assert [event.kind for event in events(policy(enabled=False), projects=[tight])] == [
        ComingKind.POLICY_OFF
    ]
    assert events(policy(cloud="d"), projects=[tight]) == []
    assert events(policy(enabled=None), projects=[tight]) == []


def test_several_policies_fill_one_quota_together() -> None:
    nightly = policy(members=disks(2, kept=8))
    weekly = policy(
        policy=2, name="weekly", schedule=vbs(weekdays=["SUN"]), members=disks(5, kept=3, first=9),
        retention=Retention(count=4),
    )  # fmt: skip
    event = only(nightly, weekly, projects=[project(quota_backups=39, used_backups=31)])
    # 2 tonight and 2 tomorrow, then 5 on Sunday the 29th.
    assert event.at == datetime(2026, 11, 29, 22, tzinfo=UTC)
    assert event.policy is None
    assert (
        "Policy “nightly” comes to keep 10 backups of each of 2 disks; policy “weekly” comes to "
        "keep 4 backups of each of 5 disks: 40 backups"
    ) in event.sum


def slow_reach(
    kept: list[int], count: int, others: int, quota: int, slots: list[datetime]
) -> datetime | None:
    """Makes and deletes each backup, one after the other."""
    backups = [list(range(number)) for number in kept]
    for slot in slots:
        for number, backups_of in zip(kept, backups, strict=True):
            backups_of.append(len(backups_of))
            # A disk that has more than its policy keeps has them until somebody deletes them.
            while len(backups_of) > max(count, number):
                backups_of.pop(0)
        if others + sum(map(len, backups)) > quota:
            return slot
    return None


@settings(max_examples=150, deadline=None)
@given(
    kept=st.lists(st.integers(0, 12), min_size=1, max_size=6),
    count=st.integers(1, 12),
    others=st.integers(0, 10),
    quota=st.integers(1, 90),
    hours=st.sampled_from([("22:00",), ("22:00", "04:00")]),
)
def test_the_date_is_that_of_a_replay_backup_by_backup(
    kept: list[int], count: int, others: int, quota: int, hours: tuple[str, ...]
) -> None:
    members = []
    for n, number in enumerate(kept):
        members.append(MemberPlan(f"v{n}", f"disk {n}", number, number, 1))
    schedule = vbs(hours)
    plan = policy(members=tuple(members), retention=Retention(count=count), schedule=schedule)
    used = sum(kept) + others
    slots = schedule.slots(NOW, NOW + 40 * DAY)
    expected = slow_reach(kept, count, others, quota, slots)
    got = events(plan, projects=[project(quota_backups=quota, used_backups=used)])
    if expected is not None:
        assert [event.at for event in got] == [expected]
    else:
        assert [event.at for event in got] == ([None] if len(kept) * count > quota else [])


def test_more_disks_bring_the_plan_to_the_quota() -> None:
    days = [(date(2026, 11, 1) + n * DAY, 20 + n) for n in range(25)]  # one more each day
    plan = policy(members=disks(44, kept=10))
    rest = {"used_backups": 440, "disks": tuple(days)}
    event = only(plan, projects=[project(quota_backups=500, **rest)])
    assert event.at == datetime(2026, 12, 1, tzinfo=UTC)  # 50 disks, six days from now
    assert "by 2026-12-01 as many are to be kept as the quota allows" in event.sum
    flat = tuple((day, 44) for day, _ in days)
    assert events(plan, projects=[project(quota_backups=500, used_backups=440, disks=flat)]) == []
    for quota in (2000, 10**12):
        assert events(plan, projects=[project(quota_backups=quota, **rest)]) == []


# --- backups of one disk ---


def test_the_21st_backup_of_a_disk_is_made_by_the_schedule() -> None:
    plan = policy(limits_backups=True, retention=Retention(count=30), members=disks(3, kept=18))
    event = only(plan)
    assert (event.kind, event.at, event.volume_id) == (
        ComingKind.BACKUPS_PER_DISK,
        TONIGHT + 2 * DAY,
        None,
    )
    assert event.sum == (
        "It comes to keep 30 backups of each disk; one disk may have 20 (VolumeBackup.0040). Disk "
        "“disk 0” has 18 now: the run of 2026-11-27 22:00 UTC would make one more than that. 2 "
        "more disks follow."
    )


@pytest.mark.parametrize(
    ("count", "kept", "by_hand", "nights"),
    [
        (20, 20, 0, None),
        (21, 20, 0, 0),
        (19, 19, 1, None),
        (19, 10, 2, 8),
        (20, 20, 1, 0),
        (30, 25, 0, 0),
        (10, 3, 20, 0),
    ],
)
def test_backups_made_by_hand_count_for_the_limit_of_a_disk(
    count: int, kept: int, by_hand: int, nights: int | None
) -> None:
    plan = policy(
        limits_backups=True,
        retention=Retention(count=count),
        members=disks(1, kept=kept, by_hand=by_hand),
    )
    got = events(plan)
    if nights is None:
        assert got == []
        return
    assert [(event.at, event.volume_id) for event in got] == [(TONIGHT + nights * DAY, "v0")]
    assert (f"beside {by_hand} that it did not make" in got[0].sum) == bool(by_hand)


def test_days_of_retention_times_runs_a_day_are_backups_of_a_disk() -> None:
    twice = vbs(("22:00", "10:00"))
    ten_days = policy(limits_backups=True, schedule=twice, retention=Retention(days=10))
    assert events(ten_days) == []
    event = only(replace(ten_days, retention=Retention(days=11)))
    assert "It comes to keep 22 backups" in event.sum
    assert event.at == datetime(2026, 12, 5, 22, tzinfo=UTC)  # the 21st run from tonight on


def test_a_service_without_that_limit_foretells_no_21st_backup() -> None:
    assert events(policy(retention=Retention(count=90), members=disks(1, kept=20))) == []
    endless = policy(retention=Retention(forever=True), members=disks(1, kept=19))
    assert events(endless) == []
    assert only(replace(endless, limits_backups=True)).at == TONIGHT + DAY
    # By advanced rules nobody knows how many are kept.
    unsure = Retention(count=90, per_day=9)
    assert events(policy(retention=unsure, limits_backups=True, members=disks(1, kept=20))) == []


# --- runs ---


def test_a_run_longer_than_its_slot_makes_the_next_one_be_skipped() -> None:
    hours = ("00:00", "01:00", "12:00")
    plan = policy(schedule=vbs(hours), durations=(5000, 5400, 5800))
    event = only(plan)
    assert (event.kind, event.at) == (
        ComingKind.RUN_TOO_LONG,
        datetime(2026, 11, 26, 1, tzinfo=UTC),
    )
    assert event.sum == (
        "Its runs take 1 h 30 min, by the median of the last 3 good ones. From the run of "
        "2026-11-26 00:00 UTC to the next there are 1 h: while one runs, the next one is skipped."
    )


@pytest.mark.parametrize("durations", [(), (9000, 9000), (3600, 3600, 3600), (60, 60, 60, 90_000)])
def test_a_run_that_fits_or_is_not_known_well_is_not_too_long(durations: tuple[int, ...]) -> None:
    plan = policy(schedule=vbs(("00:00", "01:00")), durations=durations)
    assert events(plan) == []


# --- vaults ---


def vault(**values: Any) -> VaultPlan:
    samples = tuple((date(2026, 11, 1) + n * DAY, 51_200 + 1024 * n) for n in range(25))
    plan = VaultPlan(
        cloud="c",
        vault="vault-1",
        name="gold",
        size_gb=100,
        used_mb=samples[-1][1],
        auto_expand=False,
        samples=samples,
    )
    return replace(plan, **values)


def test_a_vault_is_full_when_its_growth_says() -> None:
    event = only(vaults=[vault()])
    # 74 of 100 GB, one more each day.
    assert (event.kind, event.at, event.vault) == (
        ComingKind.VAULT_FULL,
        NOW + 26 * DAY,
        "vault-1",
    )
    assert event.sum == (
        "It holds 74 GB of 100 GB, and grew by 1 GB a day over the last 24 days: the 26 GB that "
        "are left last until 2026-12-21. It does not grow by itself."
    )


@pytest.mark.parametrize(
    "values",
    [
        {"auto_expand": True},
        {"auto_expand": None},
        {"size_gb": None},
        {"used_mb": None},
        {"size_gb": 500},  # beyond the horizon
        {"size_gb": 10**12},  # beyond all years that there are
        {"samples": ()},
        {"samples": ((date(2026, 11, 1), 1), (date(2026, 11, 2), 90_000))},
        {"samples": tuple((date(2026, 11, n), 75_000) for n in range(1, 25))},
        {"samples": tuple((date(2026, 11, n), 75_000 - n) for n in range(1, 25))},
        {"samples": tuple((date(2026, 11, n), 70_000 + 9000 * (n % 2)) for n in range(1, 25))},
    ],
)
def test_a_vault_that_grows_or_is_not_known_to_fill_up_foretells_nothing(
    values: dict[str, Any],
) -> None:
    assert events(vaults=[vault(**values)]) == []


@pytest.mark.parametrize("auto_expand", [True, False, None])
def test_a_full_vault_is_full_now_whatever_it_was_allowed(auto_expand: bool | None) -> None:
    event = only(vaults=[vault(used_mb=102_400, auto_expand=auto_expand)])
    assert event.at is None
    assert event.sum.startswith("It holds 100 GB of 100 GB: it is full")
    assert ("has no effect" in event.sum) == bool(auto_expand)


# --- switched off, empty, left ---


def test_a_policy_that_is_off_says_which_run_will_not_be_made() -> None:
    event = only(policy(enabled=False, off_since=NOW - 3 * DAY))
    assert (event.kind, event.at, event.subject) == (ComingKind.POLICY_OFF, TONIGHT, "nightly")
    assert event.sum == (
        "It is switched off since 2026-11-22 12:00 UTC, so that 2 disks get no backups by it. Its "
        "run of 2026-11-25 22:00 UTC will not be made."
    )
    assert only(policy(enabled=False, members=(), claimed=1)).sum.startswith(
        "It is switched off, so that 1 disk gets no backups by it."
    )
    assert only(policy(enabled=False, schedule=None)).at is None
    # Nobody misses it, or nobody knows.
    assert events(policy(enabled=False, members=())) == []
    assert events(policy(enabled=False, members=(), claimed=None)) == []


def test_a_policy_with_no_disk_is_told_once_that_is_known() -> None:
    event = only(policy(members=()))
    assert (event.kind, event.at) == (ComingKind.POLICY_WITHOUT_DISK, TONIGHT)
    assert only(policy(members=(), claimed=None, is_exact=True)).kind == event.kind
    assert events(policy(members=(), claimed=None)) == []
    assert events(policy(members=(), claimed=2)) == []


LEFT = (LeftDisk("v7", "db", NOW - DAY),)


def test_a_disk_that_left_its_policy_is_told_while_it_is_in_no_other() -> None:
    event = only(policy(left=LEFT))
    assert (event.kind, event.at, event.volume_id, event.subject) == (
        ComingKind.DISK_LEFT_POLICY,
        TONIGHT,
        "v7",
        "db",
    )
    assert event.sum == (
        "It left policy “nightly” by 2026-11-24 12:00 UTC and is in no other policy that is on. "
        "The run of 2026-11-25 22:00 UTC will be without it."
    )
    other = policy(policy=2, name="other", members=disks(1, first=7))
    assert events(policy(left=LEFT), other) == []
    # In one of the other service's: it has moved.
    assert events(policy(left=LEFT), replace(other, cloud="d")) == []
    off = replace(other, enabled=False)
    kinds = {event.kind for event in events(policy(left=LEFT), off)}
    assert kinds == {ComingKind.DISK_LEFT_POLICY, ComingKind.POLICY_OFF}
    # It may be the one of a policy's disks that nobody has seen.
    assert events(policy(left=LEFT), policy(policy=2, claimed=3)) == []
    # Nor is anything known of the other service of the project.
    assert events(policy(left=LEFT, other_service="d", is_other_unknown=True)) == []
    hiding = replace(policy(policy=2, claimed=3), cloud="d")
    assert events(policy(left=LEFT, other_service="d"), hiding) == []
    assert len(events(policy(left=LEFT, other_service="d"))) == 1


# --- all ---


def test_they_come_by_date_and_those_without_one_first() -> None:
    got = events(
        policy(left=LEFT),
        policy(policy=2, name="b", members=()),
        policy(policy=3, name="a", enabled=False, schedule=vbs(("13:00",))),
        vaults=[vault(), vault(name="full", used_mb=102_400)],
    )
    assert [event.subject for event in got] == ["full", "a", "db", "b", "gold"]


def test_days_that_are_our_reckoning_are_said_to_be() -> None:
    every_3 = read(
        {
            "calendar": "rrule",
            "patterns": ["FREQ=DAILY;INTERVAL=3;BYHOUR=6;BYMINUTE=0"],
            "start_time": "2026-05-08T06:57:05Z",
        }
    )
    assert only(policy(members=(), schedule=every_3)).sum.endswith("by our reckoning.")
    assert "reckoning" not in only(policy(members=())).sum


def test_each_kind_has_something_to_do_about_it() -> None:
    got = events(
        policy(left=LEFT, durations=(90_000,) * 3, limits_backups=True,
               retention=Retention(count=21), members=disks(2, kept=20)),
        policy(policy=2, members=()),
        policy(policy=3, enabled=False),
        vaults=[vault()],
        projects=[project(quota_backups=1, quota_gigabytes=1)],
    )  # fmt: skip
    assert {event.kind for event in got} == set(ComingKind)
    for event in got:
        assert event.advice.endswith(".")
        assert event.sum.endswith(".")
        assert event.at is None or event.at > NOW
