"""Judges the promised runs of the last 30 days, volume by volume, as these are derived.

A run is judged by the revision of the policy that was in force at its time, for the volumes that
were members then. Of what was promised before a policy was first seen, nothing is known.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet

from backups.analysis import runs, schedule
from backups.analysis.facts import Fact, made_by
from backups.analysis.rules import PolicyRule
from backups.analysis.runs import Evidence, RunOutcome, Slot
from backups.models import (
    Backup,
    Cloud,
    Policy,
    PolicyMember,
    PolicyRevision,
    PolicyTask,
    Run,
    Volume,
)
from backups.shared import bulk
from backups.shared.batches import in_batches
from backups.vbs.policies import TaskState
from backups.vbs.statuses import CAME_GOOD, FAILED, IN_FLIGHT

JUDGED_FOR = timedelta(days=30)
# News of a backup may change the verdict of a run of so long ago.
NEWS_REACH_BACK = timedelta(days=3)
# Evidence of a run may lie so long before the first slot that is judged.
_BEFORE = timedelta(hours=1)
_COLUMNS = ("outcome", "late_seconds", "duration_seconds", "backup_id", "reason")
_KEYS = ("volume_id", "policy_id", "slot_at")
# Of a volume without tasks, the time from its beginning to its end is believed up to this.
_LONGEST_RUN = timedelta(hours=24)
_STARTS_READ = 500  # starts of a policy, to find out on which days it runs


@dataclass
class Promises:
    """What the services of a project promise: their policies, and the slots of each."""

    services: tuple[str, ...]
    listed_at: datetime | None  # up to then all backups are known, of volumes that are followed
    follow: str
    policies: Mapping[int, Policy] = field(default_factory=dict)
    rules: Mapping[int, PolicyRule] = field(default_factory=dict)
    # Of each policy the slots of the last 30 days, in order, and the next one.
    slots: Mapping[int, Sequence[Slot]] = field(default_factory=dict)
    next_slots: Mapping[int, datetime] = field(default_factory=dict)

    @cached_property
    def pk_by_id(self) -> Mapping[str | None, int]:
        """Returns the rows of the policies by the IDs that the services give them."""
        return {policy.policy_id: pk for pk, policy in self.policies.items()}


def read_promises(cloud: Cloud, now: datetime) -> Promises:
    """Reads the policies of a cloud and of the other service of its project, with two queries."""
    services = (cloud.name,) if cloud.other_service is None else (cloud.name, cloud.other_service)
    promises = Promises(services, cloud.backups_listed_at, cloud.follow)
    policies = {row.pk: row for row in Policy.objects.filter(cloud__in=services).order_by("pk")}
    if not policies:
        return promises
    ended_at = _ended_services(services)
    rules: dict[int, PolicyRule] = {}
    for pk, policy in policies.items():
        if policy.cloud_id in ended_at:
            # What it promised ended with it; the rest of the row stays as it was read.
            policy.deleted_at = policy.deleted_at or ended_at[policy.cloud_id]
        if policy.period_seconds is not None and policy.enabled and policy.deleted_at is None:
            period = timedelta(seconds=policy.period_seconds)
            rules[pk] = PolicyRule(policy.name or policy.policy_id, period)
    revisions: defaultdict[int, list[PolicyRevision]] = defaultdict(list)
    rows = PolicyRevision.objects.filter(policy__in=policies).order_by("policy", "since")
    for revision in rows:
        revisions[revision.policy_id].append(revision)
    slots: dict[int, list[Slot]] = {}
    next_slots: dict[int, datetime] = {}
    for pk, policy in policies.items():
        slots[pk] = _slots_of(policy, revisions[pk], now)
        next_slot = _next_slot(policy, now)
        if next_slot is not None:
            next_slots[pk] = next_slot
            # It ends the window of the one before.
            slots[pk].append(Slot(pk, next_slot))
    promises.policies = policies
    promises.rules = rules
    promises.slots = slots
    promises.next_slots = next_slots
    return promises


def _ended_services(services: Sequence[str]) -> dict[str, datetime]:
    """Returns since when services promise nothing any more: they ended, or are not configured and
    were read last then.
    """
    ended_at: dict[str, datetime] = {}
    columns = ("name", "service_ended_at", "is_configured", "policies_read_at")
    rows = Cloud.objects.filter(name__in=services).values_list(*columns)
    for name, service_ended_at, is_configured, read_at in rows:
        if service_ended_at is not None:
            ended_at[name] = service_ended_at
        elif not is_configured and read_at is not None:
            ended_at[name] = read_at
    return ended_at


def _slots_of(policy: Policy, revisions: Sequence[PolicyRevision], now: datetime) -> list[Slot]:
    """Returns what a policy promised in the last 30 days, by each revision while it was in force.

    Before it was first seen it is taken to have been as it was then, and none of that is known.
    Between the last reading that showed a revision and the first that did not, it may have been
    over already: that nothing ran then proves nothing.
    """
    begin = now - JUDGED_FOR
    end = now if policy.deleted_at is None else min(now, policy.deleted_at)
    if not revisions:
        return []
    first = revisions[0]
    before = _times_of(first, begin, min(first.since, end))
    slots = [Slot(policy.pk, at, known=False) for at in before]
    for place, revision in enumerate(revisions):
        until = end
        shown_until = None if policy.deleted_at is None else policy.seen_at
        if place + 1 < len(revisions):
            until = revisions[place + 1].since
            shown_until = revisions[place + 1].otherwise_at
        times = _times_of(revision, max(begin, revision.since), min(until, end))
        is_borne_out = _is_borne_out(policy, revision, times)
        for at in times:
            is_sure = is_borne_out and (shown_until is None or at <= shown_until)
            slots.append(Slot(policy.pk, at, known=True, is_sure=is_sure))
    return slots


def _is_borne_out(policy: Policy, revision: PolicyRevision, times: Sequence[datetime]) -> bool:
    """Are the days of these runs certain? Those of some schedules are our reckoning until tasks or
    backups of the policy were seen at such times, and at no others. Those of a few disks tell: all
    disks of a policy run at the same times.
    """
    if not times or not schedule.read(revision.schedule).is_reckoned:
        return True
    of_policy = Q(cloud=policy.cloud_id, policy_id=policy.policy_id)
    of_policy &= Q(created_at__gte=times[0] - runs.EARLY)
    of_policy &= Q(created_at__lt=times[-1] + runs.NEVER_STARTED_AFTER)
    for rows in (PolicyTask.objects.filter(of_policy), Backup.objects.filter(of_policy)):
        in_order = rows.order_by("volume_id", "created_at")
        created = in_order.values_list("created_at", flat=True)[:_STARTS_READ]
        starts = [at for at in created if at is not None]
        if starts:
            return runs.bears_out(times, starts)
    return False


def _times_of(revision: PolicyRevision, begin: datetime, end: datetime) -> Sequence[datetime]:
    if not revision.enabled or begin >= end:
        return ()
    try:
        return schedule.read(revision.schedule).slots(begin, end)
    except schedule.UnreadableSchedule:
        return ()


def _next_slot(policy: Policy, now: datetime) -> datetime | None:
    if not policy.enabled or policy.deleted_at is not None:
        return None
    try:
        return schedule.read(policy.schedule).next_after(now)
    except schedule.UnreadableSchedule:
        return None


class _Member(NamedTuple):
    policy: int
    since: datetime
    seen_at: datetime
    missing_since: datetime | None
    until: datetime | None

    @property
    def shown_until(self) -> datetime | None:
        """Returns the last time that it was seen, where it is over, or may be; else None."""
        is_over = self.until is not None or self.missing_since is not None
        return self.seen_at if is_over else None


class _Task(NamedTuple):
    """A task, and the row of its policy. `volume_id` None: it was about a whole server."""

    policy: int
    volume_id: str | None
    server_id: str | None
    state: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    backup_id: uuid.UUID | None
    backup_name: str | None
    error_code: str | None
    error_message: str | None


_TASK_COLUMNS = _Task._fields[1:]


class _Judged(NamedTuple):
    """A run as it is stored."""

    outcome: str
    late_seconds: int | None
    duration_seconds: int | None
    backup_id: uuid.UUID | None
    reason: str | None


_Key = tuple[int, int, datetime]


def judge(
    promises: Promises,
    rows: Sequence[Volume],
    facts_by_volume: Mapping[str, Sequence[Fact]],
    now: datetime,
) -> set[int]:
    """Stores the runs of these volumes, whose rows the caller has locked and writes: `last_run_at`,
    `last_run_outcome` and `runs_judge_at` are set on them. Returns the keys of those where one of
    these has changed.

    News of backups alone change no verdict of long ago: then the runs of the last days are judged.
    Whoever has news of policies or tasks sets `runs_judge_at` to now (`queue.mark_runs`).
    """
    if not promises.policies and not any(row.last_run_at for row in rows):
        return set()
    whole: list[Volume] = []
    lately: list[Volume] = []
    for row in rows:
        is_settled = row.runs_judge_at is not None and row.runs_judge_at > now
        (lately if is_settled and row.last_run_at is not None else whole).append(row)
    changed = _judge_since(now - JUDGED_FOR, promises, whole, facts_by_volume, now)
    return changed | _judge_since(now - NEWS_REACH_BACK, promises, lately, facts_by_volume, now)


def _judge_since(
    since: datetime,
    promises: Promises,
    rows: Sequence[Volume],
    facts_by_volume: Mapping[str, Sequence[Fact]],
    now: datetime,
) -> set[int]:
    changed: set[int] = set()
    if not rows:
        return changed
    members = _read_members(promises, rows)
    tasks = _read_tasks(promises, rows, members, since - _BEFORE)
    judged: dict[_Key, _Judged] = {}
    for row in rows:
        own = members.get(row.volume_id, [])
        slots = _slots_of_members(promises, own, since=since, until=row.deleted_at)
        facts = facts_by_volume[row.volume_id]
        evidence = _evidence(promises, facts, since - _BEFORE)
        evidence += _events(tasks.get(row.volume_id, ()), facts)
        complete_until = _complete_until(promises, row, own)
        runs_of_row = runs.judge(slots, evidence, complete_until=complete_until, now=now)
        is_whole = since <= now - JUDGED_FOR
        if _note_newest(promises, row, own, runs_of_row, now, is_whole=is_whole):
            changed.add(row.pk)
        if row.counted_under is not None:
            # Each run is stored once, with the row under which its volume is counted.
            continue
        for run in runs_of_row:
            backup_id = None if run.backup_id is None else uuid.UUID(run.backup_id)
            judged[row.pk, run.policy, run.slot_at] = _Judged(
                run.outcome.value,
                run.late_seconds,
                run.duration_seconds,
                backup_id,
                run.reason,
            )
    _write(rows, _explained(judged), since, now)
    return changed


def _read_members(promises: Promises, rows: Sequence[Volume]) -> Mapping[str, list[_Member]]:
    members: defaultdict[str, list[_Member]] = defaultdict(list)
    volume_ids = [row.volume_id for row in rows]
    columns = ("volume_id", "policy_id", "since", "seen_at", "missing_since", "until")
    memberships = PolicyMember.objects.filter(policy__in=promises.policies)
    memberships = memberships.filter(volume_id__in=volume_ids).order_by("since")
    for volume_id, *values in memberships.values_list(*columns):
        members[volume_id].append(_Member._make(values))
    return members


def _slots_of_members(
    promises: Promises,
    members: Sequence[_Member],
    *,
    since: datetime,
    until: datetime | None,
) -> list[Slot]:
    """Returns what was promised to a volume, `until` it was deleted.

    A membership that was there when the policy was first seen is taken to have been there before,
    of which nothing is known. One that is over was over at some time between the last sign of it
    and the first reading without: that nothing ran then proves nothing.
    """
    slots: list[Slot] = []
    for member in members:
        policy = promises.policies[member.policy]
        is_old = member.since <= policy.first_seen_at + _BEFORE
        shown_until = member.shown_until
        for slot in promises.slots[member.policy]:
            if member.until is not None and slot.at >= member.until:
                break
            if until is not None and slot.at >= until:
                break
            if slot.at < since:
                continue
            if slot.at < member.since and (slot.known or not is_old):
                continue
            if shown_until is None or slot.at <= shown_until:
                slots.append(slot)
            else:
                slots.append(slot._replace(is_sure=False))
    return slots


def _evidence(promises: Promises, facts: Sequence[Fact], begin: datetime) -> list[Evidence]:
    """Returns what the backups of a volume tell of runs: only those count that a policy made."""
    evidence: list[Evidence] = []
    for fact in facts:
        if fact.created_at is None or fact.created_at < begin:
            continue
        policy: int | None = None
        if fact.policy_id is not None:
            policy = promises.pk_by_id.get(fact.policy_id)
            if policy is None:  # Of a policy that is not known.
                continue
        elif made_by(name=fact.name, service_type=fact.service_type) != "policy":
            continue
        evidence.append(
            Evidence(
                fact.created_at,
                _state_of(fact),
                policy,
                _ended_at(fact),
                str(fact.id),
                None,
                from_task=False,
            )
        )
    return evidence


def _state_of(fact: Fact) -> TaskState:
    if fact.outcome == "good" or fact.status in CAME_GOOD:
        return TaskState.MADE
    if fact.outcome == "failed" or fact.status in FAILED:
        return TaskState.FAILED
    if fact.status in IN_FLIGHT:
        return TaskState.RUNNING
    return TaskState.UNKNOWN


def _ended_at(fact: Fact) -> datetime | None:
    if fact.updated_at is None or fact.created_at is None or fact.status not in CAME_GOOD:
        return None
    is_believed = fact.created_at <= fact.updated_at <= fact.created_at + _LONGEST_RUN
    return fact.updated_at if is_believed else None


def _read_tasks(
    promises: Promises,
    rows: Sequence[Volume],
    members: Mapping[str, list[_Member]],
    begin: datetime,
) -> Mapping[str, list[_Task]]:
    """Returns the tasks of each volume; those of a server are its volumes' too."""
    if not members:
        return {}
    pk_by_policy = {
        (policy.cloud_id, policy.policy_id): pk for pk, policy in promises.policies.items()
    }
    volumes_of_server: defaultdict[str, list[str]] = defaultdict(list)
    for volume in rows:
        for server_id in volume.server_ids or ():
            volumes_of_server[server_id].append(volume.volume_id)
    tasks = PolicyTask.objects.filter(cloud__in=promises.services, policy_id__isnull=False)
    tasks = tasks.filter(created_at__gte=begin).order_by()
    tasks_of: defaultdict[str, list[_Task]] = defaultdict(list)
    volume_ids = [volume.volume_id for volume in rows]
    for task in _tasks(tasks.filter(volume_id__in=volume_ids), pk_by_policy):
        tasks_of[task.volume_id or ""].append(task)
    if volumes_of_server:
        of_servers = tasks.filter(server_id__in=list(volumes_of_server), volume_id=None)
        for task in _tasks(of_servers, pk_by_policy):
            for volume_id in volumes_of_server[task.server_id or ""]:
                tasks_of[volume_id].append(task)
    return tasks_of


def _tasks(
    rows: QuerySet[PolicyTask], pk_by_policy: Mapping[tuple[str, str], int]
) -> Iterator[_Task]:
    """Yields the tasks of known policies."""
    for cloud, policy_id, *values in bulk.rows(rows, ["cloud", "policy_id", *_TASK_COLUMNS]):
        policy = pk_by_policy.get((cloud, policy_id))
        if policy is not None:
            yield _Task(policy, *values)


def _events(tasks: Sequence[_Task], facts: Sequence[Fact]) -> list[Evidence]:
    """Returns what the tasks of a volume tell. Those of VBS know their backup by its name alone,
    and do not say when they started: their backup does. That a server's task went well says less
    of one of its disks than the backup of that disk.
    """
    fact_by_name = {fact.name: fact for fact in facts} if tasks else {}
    events: list[Evidence] = []
    for task in tasks:
        if task.volume_id is None and task.state == TaskState.MADE and _is_told(task, facts):
            continue
        fact = fact_by_name.get(task.backup_name) if task.backup_name else None
        backup_id = None if fact is None else str(fact.id)
        if task.backup_id is not None and task.volume_id is not None:
            backup_id = str(task.backup_id)
        started_at = task.started_at or task.created_at
        if task.started_at is None and fact is not None and fact.created_at is not None:
            started_at = max(started_at, fact.created_at)
        events.append(
            Evidence(
                started_at,
                TaskState(task.state),
                task.policy,
                task.ended_at,
                backup_id,
                reason_of(task.error_code, task.error_message),
                from_task=True,
            )
        )
    return events


def _is_told(task: _Task, facts: Sequence[Fact]) -> bool:
    """Was a backup of the volume made while this task ran?"""
    begin = (task.started_at or task.created_at) - runs.EARLY
    end = (task.ended_at or begin) + runs.LATE_AFTER
    return any(fact.created_at is not None and begin <= fact.created_at <= end for fact in facts)


def _explained(judged: Mapping[_Key, _Judged]) -> Mapping[_Key, _Judged]:
    """Adds the reasons that backups give, where tasks give none."""
    unexplained: dict[_Key, uuid.UUID] = {}
    for key, run in judged.items():
        if run.outcome == RunOutcome.FAILED and run.reason is None and run.backup_id is not None:
            unexplained[key] = run.backup_id
    if not unexplained:
        return judged
    reasons: dict[uuid.UUID, str | None] = {}
    for batch in in_batches(sorted(set(unexplained.values()))):
        backups = Backup.objects.filter(pk__in=batch)
        reasons.update(backups.values_list("pk", "fail_reason"))
    explained = dict(judged)
    for key, backup_id in unexplained.items():
        explained[key] = judged[key]._replace(reason=reasons.get(backup_id))
    return explained


def reason_of(code: str | None, message: str | None) -> str | None:
    """Returns the cloud's own words about a task, with the code in front as the catalogue of causes
    reads it.
    """
    if code and message:
        return f"{code}: {message}"
    return code or message or None


def _complete_until(promises: Promises, row: Volume, members: Sequence[_Member]) -> datetime | None:
    """Returns until when a run that left no trace did not start. Where tasks may be read they tell;
    a skipped run leaves no backup. Else all backups of the service that has the policy have to be
    known, of a volume that is followed there.
    """
    standing = [member for member in members if member.until is None] or members
    known_until: datetime | None = None
    for member in standing:
        policy = promises.policies[member.policy]
        until = policy.tasks_read_at
        if until is None and policy.cloud_id == row.cloud_id and _is_followed(promises, row):
            until = promises.listed_at
        if until is None:
            return None
        known_until = until if known_until is None else min(known_until, until)
    return known_until


def _is_followed(promises: Promises, row: Volume) -> bool:
    if row.follow is not None:
        return row.follow
    return promises.follow == "all" or (promises.follow == "disks" and row.tracked > 0)


def _note_newest(
    promises: Promises,
    row: Volume,
    members: Sequence[_Member],
    runs_of_row: Sequence[runs.Run],
    now: datetime,
    *,
    is_whole: bool,
) -> bool:
    before = (row.last_run_at, row.last_run_outcome, row.runs_judge_at)
    newest = max(runs_of_row, key=lambda run: run.slot_at, default=None)
    if newest is not None:
        row.last_run_at = newest.slot_at
        row.last_run_outcome = newest.outcome.value
    elif is_whole:
        row.last_run_at = None
        row.last_run_outcome = None
    next_slots: list[datetime] = []
    for member in members:
        next_slot = promises.next_slots.get(member.policy)
        if member.until is None and next_slot is not None:
            next_slots.append(next_slot)
    row.runs_judge_at = runs.when_to_judge(min(next_slots, default=None), runs_of_row, now)
    return (row.last_run_at, row.last_run_outcome, row.runs_judge_at) != before


def _write(
    rows: Sequence[Volume], judged: Mapping[_Key, _Judged], since: datetime, now: datetime
) -> None:
    """Writes what differs from what is stored; runs that are too old to be judged stay."""
    stored: dict[_Key, tuple[int, _Judged]] = {}
    old = Run.objects.filter(volume__in=[row.pk for row in rows], slot_at__gte=since)
    for pk, volume, policy, slot_at, *values in bulk.rows(
        old.order_by(), ["pk", *_KEYS, *_COLUMNS]
    ):
        stored[volume, policy, slot_at] = (pk, _Judged._make(values))
    new: list[bulk.Row] = []
    changed: list[bulk.Row] = []
    for key, run in judged.items():
        before = stored.pop(key, None)
        if before is None:
            new.append((*key, *run))
        elif before[1] != run:
            changed.append((before[0], *run))
    bulk.insert(Run, [*_KEYS, *_COLUMNS], new)
    bulk.update(Run, list(_COLUMNS), changed)
    if stored:
        _delete(rows, {key: pk for key, (pk, _) in stored.items()}, now)


def _delete(rows: Sequence[Volume], pk_by_key: Mapping[_Key, int], now: datetime) -> None:
    """Deletes runs that were promised by a membership or a revision that another reading has
    corrected. Those of a volume that is counted under another row since go once that has them.
    """
    counted_elsewhere: dict[int, Volume] = {}
    clouds: set[str] = set()
    volume_ids: list[str] = []
    for row in rows:
        if row.counted_under is not None:
            counted_elsewhere[row.pk] = row
            clouds.add(row.counted_under)
            volume_ids.append(row.volume_id)
    known_there: set[tuple[str, int, datetime]] = set()
    if any(volume in counted_elsewhere for volume, _, _ in pk_by_key):
        there: Any = Run.objects.filter(volume__cloud__in=clouds, volume__volume_id__in=volume_ids)
        keys = there.order_by().values_list("volume__volume_id", "policy", "slot_at")
        known_there.update(keys)
    doubles: list[int] = []
    corrected: list[int] = []
    for (volume, policy, slot_at), pk in pk_by_key.items():
        moved = counted_elsewhere.get(volume)
        if moved is None:
            corrected.append(pk)
        elif (moved.volume_id, policy, slot_at) in known_there:
            doubles.append(pk)
    if doubles:
        Run.objects.filter(pk__in=doubles).delete()
    if corrected:
        Run.objects.filter(pk__in=corrected).delete_counted(now)


def forget(cloud: str, volume_ids: Sequence[str], now: datetime) -> None:
    """Takes the runs off volumes that are about to be deleted: they are counted on. Where the other
    service of the project shows the volume, they go to its row. The caller has locked all of these.
    """
    runs_of_rows = Run.objects.filter(volume__cloud=cloud, volume__volume_id__in=volume_ids)
    with_runs: Any = runs_of_rows.order_by().values_list("volume", "volume__volume_id").distinct()
    pk_by_id = {volume_id: pk for pk, volume_id in with_runs}
    others: Any = Volume.objects.filter(also_under=cloud, volume_id__in=pk_by_id).order_by("pk")
    for volume_id, other in others.values_list("volume_id", "pk"):
        own = Run.objects.filter(volume=pk_by_id[volume_id])
        same = Run.objects.filter(
            volume=other, policy=OuterRef("policy"), slot_at=OuterRef("slot_at")
        )
        own.filter(Exists(same.order_by())).delete()
        own.update(volume=other)
    if pk_by_id:
        Run.objects.filter(volume__in=list(pk_by_id.values())).delete_counted(now)
