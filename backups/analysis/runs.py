"""What became of each promised run of a volume: plan against evidence. Pure.

Written to be cheap: 8,000 volumes with 30 days of runs are judged in one go.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple

from backups.vbs.policies import TaskState

LATE_AFTER: Final = timedelta(hours=1)
NEVER_STARTED_AFTER: Final = timedelta(hours=4)
# Two clocks may differ by so much.
EARLY: Final = timedelta(minutes=5)
WINDOW: Final = timedelta(hours=24)
# A schedule may name days of the week; two starts of a weekly run may be some minutes less apart.
BORNE_OUT_AFTER: Final = timedelta(days=6, hours=20)


class RunOutcome(StrEnum):
    MADE = "made"
    LATE = "late"
    SKIPPED = "skipped"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    NEVER_STARTED = "never_started"
    NOT_KNOWN = "not_known"
    PENDING = "pending"


class Slot(NamedTuple):
    """A promised run. `known` is False before the policy was first seen: what it promised then,
    nobody can say. `is_sure` is False while its day is our reckoning, which no run has borne out:
    silence proves nothing then.
    """

    policy: int
    at: datetime
    known: bool = True
    is_sure: bool = True


class Evidence(NamedTuple):
    """A task, or a backup, that started `at`. `policy` None: a backup that a policy made, by its
    name alone. `reason`: the cloud's own words.
    """

    at: datetime
    state: TaskState
    policy: int | None
    ended_at: datetime | None
    backup_id: str | None
    reason: str | None
    from_task: bool


class Run(NamedTuple):
    """`late_seconds` from the slot to the start, below 0 when it came early; None without
    evidence of a start.
    """

    policy: int
    slot_at: datetime
    outcome: RunOutcome
    late_seconds: int | None = None
    duration_seconds: int | None = None
    backup_id: str | None = None
    reason: str | None = None


_OUTCOME_OF: Final = {
    TaskState.MADE: RunOutcome.MADE,
    TaskState.SKIPPED: RunOutcome.SKIPPED,
    TaskState.TIMED_OUT: RunOutcome.TIMED_OUT,
    TaskState.FAILED: RunOutcome.FAILED,
    TaskState.RUNNING: RunOutcome.PENDING,
    TaskState.WAITING: RunOutcome.PENDING,
    TaskState.UNKNOWN: RunOutcome.NOT_KNOWN,
}
# Of several in one window the first of these counts: a run that was tried again and came good was
# made. Of two that are alike the later one tells how it ended, of two that were made the first.
_WEIGHT: Final = {
    TaskState.MADE: 0,
    TaskState.RUNNING: 1,
    TaskState.WAITING: 1,
    TaskState.FAILED: 2,
    TaskState.TIMED_OUT: 2,
    TaskState.SKIPPED: 3,
    TaskState.UNKNOWN: 4,
}
_OPEN: Final = frozenset({TaskState.RUNNING, TaskState.WAITING, TaskState.UNKNOWN})
_MADE: Final = TaskState.MADE  # a name of its own: it is asked for often
_start_of = itemgetter(Slot._fields.index("at"))
_begin_of = itemgetter(Evidence._fields.index("at"))


def judge(
    slots: Sequence[Slot],
    evidence: Sequence[Evidence],
    *,
    complete_until: datetime | None,
    now: datetime,
) -> list[Run]:
    """Returns a run of each slot of one volume that is not later than now, in order of time.

    Later slots only end the windows of those before. `complete_until`: all tasks and backups that
    started before it are known; None: never were.
    """
    by_policy: dict[int, list[Slot]] = {}
    for slot in slots:
        by_policy.setdefault(slot.policy, []).append(slot)
    by_start = sorted(evidence, key=_begin_of)
    if len(by_policy) > 1:
        by_start = _named(by_policy, by_start)
    runs: list[Run] = []
    for policy, own_slots in by_policy.items():
        own_evidence = [event for event in by_start if event.policy in (policy, None)]
        runs += _judge_policy(_in_order(own_slots), own_evidence, complete_until, now)
    if len(by_policy) > 1:
        runs.sort(key=attrgetter("slot_at", "policy"))
    return runs


def _named(slots_of: Mapping[int, Sequence[Slot]], evidence: Iterable[Evidence]) -> list[Evidence]:
    """Returns the evidence, where backups that a policy made, nobody says which, belong to the one
    whose slot they follow most closely. With several such slots it is not known what came of them.
    """
    times_of = {policy: sorted(slot.at for slot in slots) for policy, slots in slots_of.items()}
    named: list[Evidence] = []
    for event in evidence:
        if event.policy is not None:
            named.append(event)
            continue
        nearest: datetime | None = None
        policies: list[int] = []
        for policy, times in times_of.items():
            place = bisect_right(times, event.at + EARLY)
            if not place or times[place - 1] + WINDOW <= event.at:
                continue
            at = times[place - 1]
            if nearest is None or at > nearest:
                nearest = at
                policies = [policy]
            elif at == nearest:
                policies.append(policy)
        state = event.state if len(policies) == 1 else TaskState.UNKNOWN
        named += [event._replace(policy=policy, state=state) for policy in policies]
    return named


def when_to_judge(
    next_slot: datetime | None, runs: Iterable[Run], now: datetime
) -> datetime | None:
    """Returns when time alone may change a verdict of a volume: when a run that did not start is
    given up, else at its next slot. None: never, only news can.
    """
    earliest = next_slot
    for run in runs:
        # One that has started waits for news, not for a time.
        if run.outcome != RunOutcome.PENDING or run.late_seconds is not None:
            continue
        deadline = run.slot_at + NEVER_STARTED_AFTER
        if deadline > now and (earliest is None or deadline < earliest):
            earliest = deadline
    return earliest


def bears_out(slots: Sequence[datetime], starts: Iterable[datetime]) -> bool:
    """Tells whether runs of a policy that were seen bear out a schedule whose days are our
    reckoning: over a week at least each started where a slot is, none on another day. Both in UTC,
    slots in order.
    """
    first: datetime | None = None
    last: datetime | None = None
    for start in starts:
        place = bisect_right(slots, start + EARLY)
        if not place or start >= slots[place - 1] + NEVER_STARTED_AFTER:
            return False
        first = start if first is None else min(first, start)
        last = start if last is None else max(last, start)
    return first is not None and last is not None and last - first >= BORNE_OUT_AFTER


def _in_order(slots: list[Slot]) -> list[Slot]:
    """Returns each once, by time. One that two revisions promise is known if either is."""
    by_time: dict[datetime, Slot] = {}
    for slot in slots:
        if slot.known or slot.at not in by_time:
            by_time[slot.at] = slot
    return sorted(by_time.values(), key=_start_of)


def _judge_policy(
    slots: list[Slot],
    evidence: list[Evidence],
    complete_until: datetime | None,
    now: datetime,
) -> list[Run]:
    runs = []
    events_of = _by_slot(slots, evidence)
    for place, slot in enumerate(slots):
        if slot.at > now:
            break
        if not slot.known:
            runs.append(Run(slot.policy, slot.at, RunOutcome.NOT_KNOWN))
        elif events_of[place]:
            runs.append(_from_evidence(slot, events_of[place]))
        else:
            deadline = slot.at + NEVER_STARTED_AFTER
            if place + 1 < len(slots):
                deadline = min(deadline, slots[place + 1].at)
            is_complete = complete_until is not None and complete_until >= deadline
            outcome = _without_evidence(
                is_over=now >= deadline, is_proved=is_complete and slot.is_sure
            )
            runs.append(Run(slot.policy, slot.at, outcome))
    return runs


def _without_evidence(*, is_over: bool, is_proved: bool) -> RunOutcome:
    if not is_over:
        return RunOutcome.PENDING
    if is_proved:
        return RunOutcome.NEVER_STARTED
    return RunOutcome.NOT_KNOWN


def _by_slot(slots: list[Slot], evidence: list[Evidence]) -> list[list[Evidence]]:
    """Returns the evidence of each slot: what started from five minutes before it on, until the
    window of the next one opens, for at most a day. Both come in order of time.
    """
    events_of: list[list[Evidence]] = []
    count = len(evidence)
    cursor = 0
    opens = slots[0].at - EARLY
    while cursor < count and evidence[cursor].at < opens:
        cursor += 1
    for place, slot in enumerate(slots):
        first = cursor
        if place + 1 < len(slots):
            closes = slots[place + 1].at - EARLY
            while cursor < count and evidence[cursor].at < closes:
                cursor += 1
        else:
            cursor = count
        events = evidence[first:cursor]
        while events and events[-1].at - slot.at >= WINDOW:
            events.pop()
        if len(events) > 1 and place and not events_of[-1] and events[0].at < slot.at:
            _give_back(slots[place - 1], slot, events_of[-1], events)
        events_of.append(events)
    return events_of


def _give_back(
    before: Slot, slot: Slot, events_before: list[Evidence], events: list[Evidence]
) -> None:
    """Gives what started shortly before a slot to the slot before, which has nothing else, when
    this one has a start of its own: then it was that one, very late.
    """
    early = [event for event in events if event.at < slot.at]
    early_kinds = {event.from_task for event in early}
    own_kinds = {event.from_task for event in events[len(early) :]}
    # A task and the backup that it makes are one start.
    if early_kinds & own_kinds and early[0].at < before.at + WINDOW:
        events_before += early
        del events[: len(early)]


def _from_evidence(slot: Slot, events: list[Evidence]) -> Run:
    """Returns the run that evidence tells: a task beats a backup, except where it does not tell an
    end and the backup does.
    """
    task: Evidence | None = None
    backup: Evidence | None = None
    for event in events:
        if event.from_task:
            task = event if task is None else _heavier(task, event)
        else:
            backup = event if backup is None else _heavier(backup, event)
    chosen = task or backup or events[0]
    state = chosen.state
    backup_id = chosen.backup_id
    if task is not None and backup is not None:
        if state is _MADE:
            # Tasks of VBS do not name their backup.
            backup_id = backup_id or backup.backup_id
        elif state in _OPEN and backup.state not in _OPEN:
            chosen = backup
            state = backup.state
            backup_id = backup.backup_id
    late = chosen.at - slot.at
    if state is _MADE:
        outcome = RunOutcome.LATE if late > LATE_AFTER else RunOutcome.MADE
    else:
        outcome = _OUTCOME_OF[state]
    duration: int | None = None
    if chosen.ended_at is not None and chosen.ended_at >= chosen.at:
        duration = _seconds(chosen.ended_at - chosen.at)
    return Run(slot.policy, slot.at, outcome, _seconds(late), duration, backup_id, chosen.reason)


def _heavier(before: Evidence, after: Evidence) -> Evidence:
    """Returns the one that counts of two that came in this order."""
    weight = _WEIGHT[after.state]
    least = _WEIGHT[before.state]
    if weight < least or (weight == least and after.state is not _MADE):
        return after
    return before


def _seconds(length: timedelta) -> int:
    return length.days * 86_400 + length.seconds
