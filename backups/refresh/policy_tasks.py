"""Reads and stores the tasks of policies: which run was made, skipped, timed out or failed, and why
(backups/vbs/API.md §12).
"""

import time
import uuid
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Min

from backups.analysis import schedule
from backups.analysis.runs import EARLY, NEVER_STARTED_AFTER, WINDOW
from backups.clouds import registry
from backups.derived import findings, queue
from backups.derived.runs import reason_of
from backups.models import (
    Backup,
    Cloud,
    Policy,
    PolicyTask,
    Revision,
    SearchText,
    Volume,
)
from backups.models.data_version import data_changed
from backups.models.search import SEARCHED
from backups.refresh.list_support import LIST_BUDGET_WAIT_S
from backups.shared.batches import in_batches
from backups.shared.locks import lock_cloud
from backups.vbs.errors import OutOfBudget, VBSError
from backups.vbs.ids import is_backup_id
from backups.vbs.policies import ResourceType, TaskAnswer, TasksRead, TaskState
from backups.vbs.statuses import FAILED

# How far back tasks are read the first time: the clouds keep them so long.
FIRST_SPAN = timedelta(days=30)
# Of a policy that was read before; the service lists a task not at once, and clocks differ.
OVERLAP = timedelta(minutes=15)
# A run that has not ended is asked for so long: in its first day hourly, then every few hours, for
# all that came since then is listed once more.
UNDECIDED_FOR = timedelta(days=3)
RARELY = timedelta(hours=6)
EVERY = timedelta(hours=1)  # a reading comes
# No task is created later than our own time, but for clocks that differ.
AHEAD = timedelta(days=1)
_UNDECIDED = (TaskState.RUNNING.value, TaskState.WAITING.value)
# Errors that meet each policy alike: the others are not asked.
_OF_THE_CLOUD = frozenset({None, 401, 429, 503})


@dataclass(frozen=True)
class _Asked:
    """What one reading asks for. `policies`: those of which it then knows all tasks."""

    policy_id: str | None  # None: the one log of all
    policies: Sequence[Policy]
    since: datetime


def read(name: str, now: datetime) -> None:
    """Reads and stores the tasks of the policies that had something to do since the last time,
    policy by policy, or those of all from the one log that CBR has.

    A reading asks for what came since the last complete one, and for what had not ended by then.
    The first one goes 30 days back, as far as that can be read at once. It is complete if it
    reaches back to when the policy was first seen: of runs before that nothing is promised, so
    their tasks are welcome, but none has to be known. A list that breaks off is kept as far as it
    came. Where that is not far enough `tasks_read_at` stays, the cloud has a sentence that says
    why, and the next hour tries again; silence proves nothing of the runs of that policy meanwhile.
    """
    failures: list[str] = []
    asked = _to_ask(name, now)
    for question in asked:
        answer = _read(name, question.policy_id, question.since)
        is_believed = store(name, answer.tasks, now)
        are_complete = True
        for policy in question.policies:
            if is_believed and _is_complete(policy, answer.known_since, now):
                Policy.objects.filter(pk=policy.pk).update(tasks_read_at=now)
            else:
                are_complete = False
        if answer.error is not None and _meets_all(answer.error):
            failures.append(_why(answer))
            break
        if not are_complete:
            failures.append(_why(answer))
    if failures:
        which = "the policies" if len(failures) == len(asked) else "some policies"
        sentence = f"The tasks of {which} were not read to their end: {failures[0]}"
        Cloud.objects.filter(pk=name).update(tasks_error=sentence)
    else:
        Cloud.objects.filter(pk=name).update(tasks_error=None)
    data_changed()


def _read(name: str, policy_id: str | None, since: datetime) -> TasksRead:
    try:
        with registry.meter(name).bulk(until=time.monotonic() + LIST_BUDGET_WAIT_S):
            return registry.client(name).read_tasks(policy_id, since)
    except VBSError as error:  # There is no client.
        return TasksRead((), None, is_whole=False, error=error)


def _is_complete(policy: Policy, known_since: datetime | None, now: datetime) -> bool:
    """Are all tasks known that may tell of runs since the last complete reading, or since the
    policy was first seen? The clouds keep none that is older than FIRST_SPAN.
    """
    begin = policy.first_seen_at if policy.tasks_read_at is None else policy.tasks_read_at
    return known_since is not None and known_since <= max(begin - EARLY, now - FIRST_SPAN)


def _why(answer: TasksRead) -> str:
    if answer.error is not None:
        return answer.error.message_with_request
    if answer.problems:
        return answer.problems[0]
    if answer.is_whole:
        return "A task has a time that is not plausible."
    return "There are more than can be read at once."


def _meets_all(error: VBSError) -> bool:
    """Would the other policies get the same error? A budget that is used up fills again."""
    return error.http_status in _OF_THE_CLOUD and not isinstance(error, OutOfBudget)


def _to_ask(name: str, now: datetime) -> list[_Asked]:
    """Returns what to ask for; the policies that have waited longest come first."""
    policies = list(Policy.objects.standing().filter(cloud=name).order_by("pk"))
    policies.sort(key=lambda policy: policy.tasks_read_at or policy.first_seen_at)
    undecided = _oldest_undecided(name, now)
    newest = _newest(name)
    asked: list[_Asked] = []
    for policy in policies:
        key = policy.policy_id
        if _is_to_be_asked(policy, newest.get(key), now, is_undecided=key in undecided):
            since = _since(policy, undecided.get(key), now, is_known=key in newest)
            asked.append(_Asked(key, [policy], since))
    if asked and registry.client(name).dialect.has_one_log:
        # Tasks of the other policies are read too: nothing since their last reading is left out.
        since = min(
            _since(policy, undecided.get(policy.policy_id), now, is_known=bool(newest))
            for policy in policies
        )
        return [_Asked(None, policies, since)]
    return asked


def _oldest_undecided(name: str, now: datetime) -> dict[str, datetime]:
    """Returns by policy when the oldest task was created that had not ended, of those whose turn it
    is.
    """
    oldest: dict[str, datetime] = {}
    for span in (UNDECIDED_FOR, WINDOW):
        tasks = PolicyTask.objects.filter(
            cloud=name, policy_id__isnull=False, state__in=_UNDECIDED, created_at__gt=now - span
        ).order_by()
        for policy_id, at in tasks.values_list("policy_id").annotate(Min("created_at")):
            is_turn = now - at <= WINDOW or (now - at) % RARELY < EVERY
            if policy_id is not None and is_turn:
                oldest.setdefault(policy_id, at)
    return oldest


def _newest(name: str) -> dict[str, datetime]:
    """Returns by policy when its newest task was created."""
    tasks = PolicyTask.objects.filter(cloud=name, policy_id__isnull=False).order_by()
    rows = tasks.values_list("policy_id").annotate(Max("created_at"))
    return {policy_id: at for policy_id, at in rows if policy_id is not None}


def _is_to_be_asked(
    policy: Policy, newest_task_at: datetime | None, now: datetime, *, is_undecided: bool
) -> bool:
    """May a task of the policy have begun or ended since it was last read?

    A policy that had no time to run since then has nothing new to tell: its tasks cost no call. Of
    a slot of the last 24 hours it is asked until a task of it was seen.
    """
    read_at = policy.tasks_read_at
    if read_at is None or is_undecided:
        return True
    begin = min(read_at - NEVER_STARTED_AFTER, now - WINDOW)
    try:
        slots = schedule.read(policy.schedule).slots(begin, now)
    except schedule.UnreadableSchedule:
        return True
    if not slots:
        return False
    if slots[-1] >= read_at - NEVER_STARTED_AFTER:
        return True
    is_seen = newest_task_at is not None and newest_task_at >= slots[-1] - EARLY
    return slots[-1] > now - WINDOW and not is_seen


def _since(
    policy: Policy, oldest_undecided_at: datetime | None, now: datetime, *, is_known: bool
) -> datetime:
    """Returns from when on tasks are asked for. Where some are known, but not all since the policy
    was first seen: from a day before that; of VBS two periods, for its tasks show the members.
    """
    since = now - FIRST_SPAN
    if policy.tasks_read_at is not None:
        since = max(since, policy.tasks_read_at - OVERLAP)
    elif is_known:
        span = WINDOW
        if policy.api != "cbr":
            span = max(span, 2 * timedelta(seconds=policy.period_seconds or 0))
        since = max(since, policy.first_seen_at - min(FIRST_SPAN, span))
    return since if oldest_undecided_at is None else min(since, oldest_undecided_at)


def store(name: str, tasks: Sequence[TaskAnswer], now: datetime) -> bool:
    """Stores tasks, and what they tell of failed backups: CBR gives the reason nowhere else.

    A task from the future is left out; returns whether there was none.
    """
    row_by_id: dict[str, PolicyTask] = {}
    volume_ids: set[str | None] = set()
    server_ids: set[str] = set()
    is_believed = True
    for task in tasks:
        if task.created_at > now + AHEAD:
            is_believed = False
            continue
        row = _row(name, task, now)
        row_by_id[task.id] = row
        volume_ids.add(row.volume_id)
        if row.server_id is not None:
            server_ids.add(row.server_id)
    if not row_by_id:
        return is_believed
    rows = list(row_by_id.values())
    with transaction.atomic():
        lock_cloud(name)
        known = set(Policy.objects.filter(cloud=name).values_list("policy_id", flat=True))
        PolicyTask.objects.bulk_create(
            [row for row in rows if row.policy_id in known or row.policy_id is None],
            update_conflicts=True,
            unique_fields=["cloud", "task_id"],
            update_fields=[
                "policy_id",
                "volume_id",
                "server_id",
                "state",
                "status",
                "created_at",
                "started_at",
                "ended_at",
                "backup_id",
                "backup_name",
                "error_code",
                "error_message",
                "job_id",
            ],
            batch_size=60,
        )
        explained, volumes_explained = _explain(name, rows, now)
        findings.note(explained, now)
        queue.mark_known(name, volume_ids | volumes_explained | _attached(name, server_ids), now)
        data_changed()
    return is_believed


def _attached(name: str, server_ids: Set[str]) -> set[str]:
    """Returns the volumes that are attached to servers."""
    attached: set[str] = set()
    if not server_ids:
        return attached
    volumes = Volume.objects.filter(cloud=name, server_ids__isnull=False).order_by()
    for volume_id, ids in volumes.values_list("volume_id", "server_ids"):
        if not server_ids.isdisjoint(ids or ()):
            attached.add(volume_id)
    return attached


def _row(name: str, task: TaskAnswer, now: datetime) -> PolicyTask:
    backup_id = task.backup_id
    latest = now + AHEAD
    return PolicyTask(
        cloud_id=name,
        task_id=task.id,
        policy_id=task.policy_id,
        volume_id=task.volume_id,
        server_id=task.resource_id if task.resource_type is ResourceType.SERVER else None,
        state=task.state.value,
        status=task.status,
        created_at=task.created_at,
        started_at=_not_after(latest, task.started_at),
        ended_at=_not_after(latest, task.ended_at),
        backup_id=uuid.UUID(backup_id) if is_backup_id(backup_id) else None,
        backup_name=task.backup_name,
        error_code=task.error_code,
        error_message=task.error_message,
        job_id=task.job_id,
    )


def _not_after(latest: datetime, at: datetime | None) -> datetime | None:
    return None if at is None or at > latest else at


def _explain(
    name: str, rows: Iterable[PolicyTask], now: datetime
) -> tuple[list[uuid.UUID], set[str | None]]:
    """Writes the reasons of failed tasks onto their backups, where those have none, as if an answer
    had brought them; returns which backups have one now, and their volumes.
    """
    reasons: dict[uuid.UUID, str] = {}
    for row in rows:
        reason = reason_of(row.error_code, row.error_message)
        if row.backup_id is not None and reason is not None:
            reasons[row.backup_id] = reason
    explained: list[uuid.UUID] = []
    volume_ids: set[str | None] = set()
    for batch in in_batches(list(reasons)):
        backups = Backup.objects.filter(
            pk__in=batch, cloud=name, status__in=FAILED, fail_reason=None
        )
        explained_now = list(backups.order_by("pk").values_list("pk", flat=True))
        revisions: list[Revision] = []
        for pk in explained_now:
            Backup.objects.filter(pk=pk).update(fail_reason=reasons[pk])
            change = {"word": "fail_reason", "before": None, "after": reasons[pk]}
            revisions.append(Revision(backup_id=pk, at=now, changes=[change]))
        Revision.objects.bulk_create(revisions)
        changed = Backup.objects.filter(pk__in=explained_now).order_by("pk")
        SearchText.objects.put(changed.values("cloud", *SEARCHED))
        volume_ids.update(changed.values_list("volume_id", flat=True))
        explained += explained_now
    return explained, volume_ids
