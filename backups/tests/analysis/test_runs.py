"""What became of each promised run: every verdict, its borders, and evidence that could belong to
two slots.
"""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backups.analysis.runs import (
    Evidence,
    Run,
    RunOutcome,
    Slot,
    bears_out,
    judge,
    when_to_judge,
)
from backups.vbs.policies import TaskState

NIGHT = datetime(2026, 11, 20, 22, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
LATER = NIGHT + 3 * DAY
POLICY = 7
OTHER = 8


def task(
    at: datetime,
    state: TaskState = TaskState.MADE,
    *,
    policy: int | None = POLICY,
    minutes: int | None = 20,
    backup_id: str | None = None,
    reason: str | None = None,
) -> Evidence:
    ended_at = None if minutes is None else at + minutes * MINUTE
    return Evidence(at, state, policy, ended_at, backup_id, reason, from_task=True)


def backup(
    at: datetime,
    state: TaskState = TaskState.MADE,
    *,
    policy: int | None = None,
    minutes: int | None = 10,
    backup_id: str = "b1",
) -> Evidence:
    return task(at, state, policy=policy, minutes=minutes, backup_id=backup_id)._replace(
        from_task=False
    )


def verdict(
    *evidence: Evidence,
    slots: Sequence[Slot] = (Slot(POLICY, NIGHT),),
    complete_until: datetime | None = LATER,
    now: datetime = LATER,
) -> Run:
    """Returns the run of the first slot."""
    return judge(slots, evidence, complete_until=complete_until, now=now)[0]


@pytest.mark.parametrize(
    ("late", "outcome"),
    [
        (-5 * MINUTE, "made"),
        (timedelta(0), "made"),
        (HOUR, "made"),
        (HOUR + SECOND, "late"),
        (DAY - SECOND, "late"),
        # Neither belongs to it.
        (-5 * MINUTE - SECOND, "never_started"),
        (DAY, "never_started"),
    ],
)
def test_a_start_belongs_to_the_slot_from_five_minutes_before_it_for_a_day(
    late: timedelta, outcome: str
) -> None:
    run = verdict(task(NIGHT + late, minutes=25, backup_id="b9"))
    assert run.outcome == outcome
    if outcome == "never_started":
        assert run == Run(POLICY, NIGHT, RunOutcome.NEVER_STARTED)
    else:
        late_s = int(late.total_seconds())
        assert run == Run(POLICY, NIGHT, RunOutcome(outcome), late_s, 1500, "b9")


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (TaskState.MADE, RunOutcome.MADE),
        (TaskState.SKIPPED, RunOutcome.SKIPPED),
        (TaskState.TIMED_OUT, RunOutcome.TIMED_OUT),
        (TaskState.FAILED, RunOutcome.FAILED),
        (TaskState.RUNNING, RunOutcome.PENDING),
        (TaskState.WAITING, RunOutcome.PENDING),
        (TaskState.UNKNOWN, RunOutcome.NOT_KNOWN),
    ],
)
def test_each_state_of_a_task_is_a_verdict_with_its_reason(
    state: TaskState, outcome: RunOutcome
) -> None:
    run = verdict(task(NIGHT + 2 * HOUR, state, reason="X.1: why"))
    if state is TaskState.MADE:
        outcome = RunOutcome.LATE
    assert (run.outcome, run.late_seconds, run.reason) == (outcome, 7200, "X.1: why")


@pytest.mark.parametrize(
    ("now", "complete_until", "outcome"),
    [
        (NIGHT, NIGHT, "pending"),
        (NIGHT + 4 * HOUR - SECOND, NIGHT + 4 * HOUR - SECOND, "pending"),
        (NIGHT + 4 * HOUR, NIGHT + 4 * HOUR, "never_started"),
        (NIGHT + 4 * HOUR, NIGHT + 4 * HOUR - SECOND, "not_known"),
        (NIGHT + 4 * HOUR, None, "not_known"),
        (LATER, None, "not_known"),
    ],
)
def test_silence_is_a_run_that_never_started_only_when_all_is_known(
    now: datetime, complete_until: datetime | None, outcome: str
) -> None:
    assert verdict(now=now, complete_until=complete_until).outcome == outcome


def test_a_run_is_given_up_at_the_next_slot_when_that_is_sooner() -> None:
    slots = [Slot(POLICY, NIGHT), Slot(POLICY, NIGHT + HOUR)]
    before = verdict(slots=slots, now=NIGHT + HOUR - SECOND)
    assert before.outcome == RunOutcome.PENDING
    after = judge(slots, [], complete_until=LATER, now=NIGHT + HOUR)
    assert [run.outcome for run in after] == ["never_started", "pending"]


def test_what_a_policy_promised_before_it_was_seen_is_not_known() -> None:
    slots = [Slot(POLICY, NIGHT - DAY, known=False), Slot(POLICY, NIGHT)]
    evidence = [task(NIGHT - DAY), task(NIGHT)]
    runs = judge(slots, evidence, complete_until=LATER, now=LATER)
    assert [run.outcome for run in runs] == ["not_known", "made"]
    # The evidence of the one is not that of the other.
    runs = judge(slots, evidence[:1], complete_until=LATER, now=LATER)
    assert [run.outcome for run in runs] == ["not_known", "never_started"]


def test_silence_proves_nothing_of_a_day_that_is_our_reckoning() -> None:
    slot = Slot(POLICY, NIGHT, is_sure=False)
    assert verdict(slots=[slot]).outcome == RunOutcome.NOT_KNOWN
    assert verdict(slots=[slot], now=NIGHT).outcome == RunOutcome.PENDING
    assert verdict(task(NIGHT), slots=[slot]).outcome == RunOutcome.MADE


@pytest.mark.parametrize(
    ("starts", "is_borne_out"),
    [
        ([], False),
        ([NIGHT, NIGHT + 6 * DAY, NIGHT + 9 * DAY], True),
        ([NIGHT - 5 * MINUTE, NIGHT + 9 * DAY], True),
        ([NIGHT - 6 * MINUTE, NIGHT + 9 * DAY], False),
        ([NIGHT, NIGHT + 9 * DAY + 4 * HOUR], False),
        ([NIGHT, NIGHT + 9 * DAY + 4 * HOUR - SECOND], True),
        # For less than a week.
        ([NIGHT, NIGHT + 3 * DAY, NIGHT + 6 * DAY], False),
        # One of them on another day.
        ([NIGHT, NIGHT + 4 * DAY, NIGHT + 9 * DAY], False),
    ],
)
def test_runs_of_a_week_at_its_slots_and_none_beside_bear_out_our_reckoning(
    starts: list[datetime], is_borne_out: bool
) -> None:
    slots = [NIGHT, NIGHT + 3 * DAY, NIGHT + 6 * DAY, NIGHT + 9 * DAY]
    assert bears_out(slots, starts) == is_borne_out


def test_a_slot_of_two_revisions_is_one_run_and_known_if_either_is() -> None:
    slots = [Slot(POLICY, NIGHT), Slot(POLICY, NIGHT, known=False)]
    for order in (slots, slots[::-1]):
        runs = judge(order, [task(NIGHT)], complete_until=LATER, now=LATER)
        assert [run.outcome for run in runs] == ["made"]


def test_a_later_start_turns_never_started_into_late() -> None:
    assert verdict().outcome == RunOutcome.NEVER_STARTED
    run = verdict(backup(NIGHT + 9 * HOUR))
    assert (run.outcome, run.late_seconds) == (RunOutcome.LATE, 9 * 3600)


def test_a_future_slot_ends_windows_and_is_no_run_yet() -> None:
    slots = [Slot(POLICY, NIGHT), Slot(POLICY, NIGHT + HOUR)]
    early = task(NIGHT + HOUR - 3 * MINUTE)
    now = NIGHT + HOUR - 2 * MINUTE
    runs = judge(slots, [early], complete_until=now, now=now)
    assert runs == [Run(POLICY, NIGHT, RunOutcome.PENDING)]


def test_a_policy_is_judged_by_its_own_tasks_alone() -> None:
    slots = [Slot(POLICY, NIGHT), Slot(OTHER, NIGHT + 2 * HOUR)]
    evidence = [
        task(NIGHT + HOUR + 30 * MINUTE, policy=POLICY),
        task(NIGHT + 2 * HOUR, TaskState.FAILED, policy=OTHER),
        task(NIGHT, policy=99),
        backup(NIGHT + 2 * MINUTE),  # of either of them
    ]
    runs = judge(slots, evidence, complete_until=LATER, now=LATER)
    assert [(run.policy, run.outcome, run.late_seconds) for run in runs] == [
        (POLICY, "late", 5400),
        (OTHER, "failed", 0),
    ]


def test_runs_of_several_policies_come_in_order_of_time() -> None:
    slots = [Slot(OTHER, NIGHT + DAY), Slot(POLICY, NIGHT), Slot(OTHER, NIGHT)]
    runs = judge(slots, [], complete_until=LATER, now=LATER)
    assert [(run.policy, run.slot_at) for run in runs] == [
        (POLICY, NIGHT),
        (OTHER, NIGHT),
        (OTHER, NIGHT + DAY),
    ]


def test_a_backup_that_only_its_name_tells_counts_for_the_slot_that_it_follows_most_closely() -> (
    None
):
    assert verdict(backup(NIGHT + MINUTE)).outcome == RunOutcome.MADE
    hour = 60 * MINUTE
    slots = [Slot(POLICY, NIGHT), Slot(OTHER, NIGHT + hour)]
    starts = [backup(NIGHT + MINUTE), backup(NIGHT + hour + MINUTE)]
    runs = judge(slots, starts, complete_until=LATER, now=LATER)
    assert [run.outcome for run in runs] == ["made", "made"]


def test_a_backup_that_may_be_of_either_policy_proves_nothing_of_both() -> None:
    slots = [Slot(POLICY, NIGHT), Slot(OTHER, NIGHT)]
    runs = judge(slots, [backup(NIGHT + MINUTE)], complete_until=LATER, now=LATER)
    assert [run.outcome for run in runs] == ["not_known", "not_known"]


@pytest.mark.parametrize(
    ("evidence", "outcome", "backup_id"),
    [
        # A task beats a backup.
        (
            [task(NIGHT, TaskState.TIMED_OUT), backup(NIGHT + MINUTE)],
            "timed_out",
            None,
        ),
        ([backup(NIGHT, TaskState.FAILED), task(NIGHT + MINUTE, backup_id="b2")], "made", "b2"),
        # A task of VBS does not name its backup.
        ([task(NIGHT), backup(NIGHT + MINUTE)], "made", "b1"),
        ([task(NIGHT, TaskState.SKIPPED), backup(NIGHT + MINUTE)], "skipped", None),
        # A task that does not tell its end yields to a backup that does.
        ([task(NIGHT, TaskState.RUNNING), backup(NIGHT + MINUTE)], "made", "b1"),
        ([task(NIGHT, TaskState.UNKNOWN), backup(NIGHT, TaskState.FAILED)], "failed", "b1"),
        (
            [task(NIGHT, TaskState.WAITING), backup(NIGHT + MINUTE, TaskState.RUNNING)],
            "pending",
            None,
        ),
        # Tried again by the cloud, and made.
        ([task(NIGHT, TaskState.FAILED), task(NIGHT + HOUR, backup_id="b2")], "made", "b2"),
        ([task(NIGHT, TaskState.FAILED), task(NIGHT + HOUR, TaskState.RUNNING)], "pending", None),
        ([task(NIGHT, TaskState.FAILED), task(NIGHT + HOUR, TaskState.SKIPPED)], "failed", None),
        ([task(NIGHT, TaskState.FAILED), task(NIGHT + HOUR, TaskState.TIMED_OUT)], "timed_out",
         None),
        ([task(NIGHT, TaskState.FAILED), task(NIGHT + HOUR, TaskState.UNKNOWN)], "failed", None),
        # Of two that were made the first one counts.
        ([task(NIGHT + 2 * HOUR, backup_id="b2"), task(NIGHT, backup_id="b1")], "made", "b1"),
    ],
)  # fmt: skip
def test_of_several_in_one_window_one_counts(
    evidence: list[Evidence], outcome: str, backup_id: str | None
) -> None:
    for order in (evidence, evidence[::-1]):
        run = verdict(*order)
        assert (run.outcome, run.backup_id) == (outcome, backup_id)


HOURLY = tuple(Slot(POLICY, NIGHT + n * HOUR) for n in range(3))


@pytest.mark.parametrize(
    ("starts", "late"),
    [
        # A clock that is slow: each start belongs to the slot after it.
        (
            [task(NIGHT - MINUTE), task(NIGHT + 59 * MINUTE), task(NIGHT + 119 * MINUTE)],
            [-60, -60, -60],
        ),
        # The first one was 57 minutes late, as the second one has a start of its own.
        (
            [task(NIGHT + 57 * MINUTE), task(NIGHT + 61 * MINUTE), task(NIGHT + 120 * MINUTE)],
            [3420, 60, 0],
        ),
        # A task and its backup are one start, wherever the slot stands between them.
        (
            [task(NIGHT + 59 * MINUTE), backup(NIGHT + 61 * MINUTE)],
            [None, -60, None],
        ),
        # The slot before has its own: then this one was tried twice.
        (
            [task(NIGHT), task(NIGHT + 58 * MINUTE), task(NIGHT + 62 * MINUTE)],
            [0, -120, None],
        ),
    ],
)
def test_a_start_shortly_before_a_slot_belongs_to_the_one_that_it_fits(
    starts: list[Evidence], late: list[int | None]
) -> None:
    runs = judge(HOURLY, starts, complete_until=LATER, now=LATER)
    assert [run.late_seconds for run in runs] == late


def test_a_start_is_given_back_only_within_a_day() -> None:
    slots = [Slot(POLICY, NIGHT), Slot(POLICY, NIGHT + 2 * DAY)]
    starts = [task(NIGHT + 2 * DAY - MINUTE), task(NIGHT + 2 * DAY)]
    runs = judge(slots, starts, complete_until=LATER, now=LATER)
    assert [run.outcome for run in runs] == ["never_started", "made"]


@pytest.mark.parametrize("minutes", [None, -3])
def test_an_end_that_is_missing_or_before_its_start_is_no_duration(minutes: int | None) -> None:
    assert verdict(task(NIGHT, minutes=minutes)).duration_seconds is None


def test_without_slots_there_is_nothing_to_judge() -> None:
    assert judge([], [task(NIGHT)], complete_until=LATER, now=LATER) == []


def slow_outcome(place: int, slots: list[datetime], starts: list[datetime], now: datetime) -> str:
    """Looks at each start for one slot, as if there were no others."""
    slot = slots[place]
    following = slots[place + 1] if place + 1 < len(slots) else None
    for start in starts:
        is_before_next = following is None or start < following - 5 * MINUTE
        if slot - 5 * MINUTE <= start < slot + DAY and is_before_next:
            return "made" if start - slot <= HOUR else "late"
    deadline = slot + 4 * HOUR
    if following is not None and following < deadline:
        deadline = following
    return "pending" if now < deadline else "never_started"


@settings(max_examples=300, deadline=None)
@given(
    slot_hours=st.lists(st.integers(0, 96), min_size=1, max_size=12, unique=True),
    start_minutes=st.lists(st.integers(-60, 6000), max_size=12, unique=True),
    now_hours=st.integers(0, 120),
    seed=st.integers(0, 1000),
)
def test_whatever_the_order_each_slot_gets_what_its_window_holds(
    slot_hours: list[int], start_minutes: list[int], now_hours: int, seed: int
) -> None:
    slots = [NIGHT + hours * HOUR for hours in sorted(slot_hours)]
    # A start in the last five minutes before a slot may be given back: that has its own test.
    starts = [NIGHT + minutes * MINUTE for minutes in sorted(start_minutes) if minutes % 60 < 55]
    now = NIGHT + now_hours * HOUR
    shuffled = [Slot(POLICY, slot) for slot in slots]
    evidence = [task(start) for start in starts]
    random.Random(seed).shuffle(shuffled)
    random.Random(seed).shuffle(evidence)
    runs = judge(shuffled, evidence, complete_until=now, now=now)
    expected = []
    for place, slot in enumerate(slots):
        if slot <= now:
            expected.append((slot, slow_outcome(place, slots, starts, now)))
    assert [(run.slot_at, run.outcome.value) for run in runs] == expected


@settings(max_examples=200, deadline=None)
@given(
    slot_hours=st.lists(st.integers(0, 60), min_size=1, max_size=8, unique=True),
    start_minutes=st.lists(st.integers(-60, 4000), max_size=4, unique=True),
    running=st.booleans(),
    now_minutes=st.integers(0, 4000),
)
def test_nothing_changes_before_the_time_at_which_it_is_to_be_judged_again(
    slot_hours: list[int], start_minutes: list[int], running: bool, now_minutes: int
) -> None:
    now = NIGHT + now_minutes * MINUTE
    slots = [Slot(POLICY, NIGHT + hours * HOUR) for hours in sorted(slot_hours)]
    state = TaskState.RUNNING if running else TaskState.MADE
    begun = [minutes for minutes in start_minutes if minutes <= now_minutes]
    evidence = [task(NIGHT + minutes * MINUTE, state) for minutes in begun]
    later = [slot.at for slot in slots if slot.at > now]
    # All is known at any time: only time itself can change a verdict.
    runs = judge(slots, evidence, complete_until=LATER + 9 * DAY, now=now)
    again_at = when_to_judge(min(later, default=None), runs, now)

    def at(moment: datetime) -> list[Run]:
        return judge(slots, evidence, complete_until=LATER + 9 * DAY, now=moment)

    if again_at is None:
        assert at(LATER + 9 * DAY) == runs
        return
    assert again_at > now
    assert at(again_at - SECOND) == runs
    assert at(again_at) != runs


def test_it_is_judged_again_at_the_next_slot_or_when_a_run_is_given_up() -> None:
    now = NIGHT + HOUR
    pending = Run(POLICY, NIGHT, RunOutcome.PENDING)
    running = pending._replace(late_seconds=0)
    made = Run(POLICY, NIGHT, RunOutcome.MADE, 0)
    deadline = NIGHT + 4 * HOUR
    assert when_to_judge(None, [pending, made], now) == deadline
    assert when_to_judge(NIGHT + DAY, [made, pending], now) == deadline
    assert when_to_judge(NIGHT + 2 * HOUR, [pending], now) == NIGHT + 2 * HOUR
    assert when_to_judge(NIGHT + DAY, [running], now) == NIGHT + DAY
    assert when_to_judge(None, [running, made], now) is None
    # Judged long ago: its time is over.
    assert when_to_judge(None, [pending], deadline) is None
