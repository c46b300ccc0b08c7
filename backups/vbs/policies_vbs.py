"""Policies of VBS and their tasks (API.md §12.8), as they are decoded for all dialects
(policies.py). Decoding never raises on a JSON value.
"""

from datetime import datetime, timedelta
from typing import Final

from backups.vbs import fields
from backups.vbs.dialect import Ask, Query
from backups.vbs.errors import VBSError
from backups.vbs.fields import Problems
from backups.vbs.json_object import JsonObject
from backups.vbs.policies import (
    PolicyAnswer,
    Reading,
    ResourceType,
    Retention,
    TaskAnswer,
    TasksRead,
    TaskState,
)
from backups.vbs.policy_entries import (
    INT4,
    MOST_KEPT,
    Entries,
    believed_end,
    identifier,
    list_of,
    nested,
    texts,
)

PAGE: Final = 100  # Entries; how many the service gives at most is not documented.
# Of one policy: the tasks of three days of 8,000 disks, so that a gap of days is caught up with.
MOST_PAGES: Final = 300
FEWEST: Final = 20  # Entries that a page has where there are so many: the default.
_STATES: Final = {
    "EXECUTE_SUCCESS": TaskState.MADE,
    "SKIP": TaskState.SKIPPED,
    "EXECUTE_FAIL": TaskState.FAILED,
    "EXECUTE_TIMEOUT": TaskState.TIMED_OUT,
    "RUNNING": TaskState.RUNNING,
    "WAITING": TaskState.WAITING,
}
_SWITCH: Final = {"ON": True, "OFF": False}
_YES_OR_NO: Final = {"Y": True, "N": False}


def read_policies(ask: Ask) -> Reading:
    """Asks for all policies: one call, for the list has no pages."""
    read = Entries()
    policies: dict[str, PolicyAnswer] = {}
    for entry in list_of(ask("/backuppolicy", {}), "backup_policies", read):
        policy = decode_policy(entry)
        if policy is None:
            read.doubt("A policy has no ID that can be read.")
            continue
        if policy.id in policies:
            read.doubt("A policy is named twice.")
        policies[policy.id] = policy
    return Reading(
        tuple(policies.values()), None, is_whole=read.is_whole, problems=tuple(read.problems)
    )


def read_tasks(ask: Ask, policy_id: str, *, since: datetime) -> TasksRead:
    """Asks for the tasks of a policy, the newest first, until they are older than `since`, an error
    comes or MOST_PAGES have come: what came by then is known without a gap.
    """
    read = _Tasks(policy_id, since)
    error: VBSError | None = None
    offset = 0
    try:
        for _ in range(MOST_PAGES):
            query: Query = {
                "limit": PAGE,
                "offset": offset,
                "sort_key": "created_at",
                "sort_dir": "desc",
            }
            body = ask(f"/backuppolicy/{policy_id}/backuptasks", query)
            length = read.add_page(body)
            if read.is_over:
                break
            offset += length
    except VBSError as e:
        error = e
    return read.result(error)


class _Tasks:
    """The tasks of one policy, page by page."""

    def __init__(self, policy_id: str, since: datetime) -> None:
        self._policy_id = policy_id
        self._since = since
        self._tasks: dict[str, TaskAnswer] = {}
        self._entries = Entries()  # Its doubt: an entry may be any task.
        self._has_reached_since = False
        self.is_over = False

    def add_page(self, body: JsonObject) -> int:
        """Adds a page and returns its length."""
        list_read = Entries()
        entries = list_of(body, "tasks", list_read)
        if not list_read.is_whole:
            self.is_over = True
            self._entries.problems += list_read.problems
            return 0
        is_new = False
        for entry in entries:
            is_new |= self._add(entry)
        if len(entries) < FEWEST:  # Else it may be cut by a limit of the service's.
            self.is_over = self._has_reached_since = True
        elif not is_new:
            self.is_over = True
            self._entries.problems.append("The list of tasks repeats its page.")
        elif self._is_in_order() and self._oldest_at() < self._since:
            self.is_over = self._has_reached_since = True
        return len(entries)

    def _add(self, entry: object) -> bool:
        task = decode_task(entry, self._policy_id)
        if task is None:
            if not self._is_too_old(entry):
                self._entries.doubt("A task has no ID or no time that can be read.")
            return False
        is_new = task.id not in self._tasks
        self._tasks[task.id] = task
        return is_new

    def _is_too_old(self, entry: object) -> bool:
        created_at = None
        if isinstance(entry, dict):
            created_at = fields.instant(entry, "created_at", [])
        return created_at is not None and created_at < self._since

    def _is_in_order(self) -> bool:
        """Is all that came in the order that was asked for?"""
        times = [task.created_at for task in self._tasks.values()]
        return bool(times) and times == sorted(times, reverse=True)

    def _oldest_at(self) -> datetime:
        return min(task.created_at for task in self._tasks.values())

    def result(self, error: VBSError | None) -> TasksRead:
        known_since = None
        if not self._entries.is_whole:
            pass  # The entry that cannot be read may be a task of any time.
        elif self._has_reached_since:
            known_since = self._since
        elif self._is_in_order():
            # Of those that were created in the same moment some may be on the next page.
            known_since = self._oldest_at() + timedelta(seconds=1)
        tasks = [task for task in self._tasks.values() if task.created_at >= self._since]
        return TasksRead(
            tuple(tasks),
            known_since,
            is_whole=known_since is not None and known_since <= self._since,
            error=error,
            problems=tuple(self._entries.problems),
        )


def decode_policy(entry: object) -> PolicyAnswer | None:
    """Decodes a policy; None when it has no ID that can be read."""
    policy_id = identifier(entry, "backup_policy_id", "id")
    if policy_id is None or not isinstance(entry, dict):
        return None
    problems: Problems = []
    scheduled = nested(entry, "scheduled_policy", problems)
    # Where the zone stands is not documented.
    source_of_zone = entry if entry.get("time_zone") else scheduled
    schedule: JsonObject = {
        "calendar": "vbs",
        "hours": texts(scheduled, "start_time", problems) or [],
        "frequency": fields.integer(scheduled, "frequency", problems, most=MOST_KEPT),
        "weekdays": texts(scheduled, "week_frequency", problems) or None,
        "time_zone": fields.text(source_of_zone, "time_zone", problems) or None,
    }
    return PolicyAnswer(
        id=policy_id,
        name=fields.text(entry, "backup_policy_name", problems),
        enabled=_word(scheduled, "status", _SWITCH, problems),
        schedule=schedule,
        retention=_retention(scheduled, problems),
        claimed=fields.integer(entry, "policy_resource_count", problems, most=INT4),
        problems=tuple(problems),
    )


def _retention(scheduled: JsonObject, problems: Problems) -> Retention:
    """Reads what is kept, under either spelling; the number comes before the days."""
    count = _spelt_either_way(scheduled, "num", problems)
    days = _spelt_either_way(scheduled, "day", problems)
    keeps_first = _word(scheduled, "remain_first_backup_of_curMonth", _YES_OR_NO, problems)
    return Retention(
        count=count,
        days=days if count is None else None,
        keep_first_of_month=bool(keeps_first),
    )


def _spelt_either_way(scheduled: JsonObject, what: str, problems: Problems) -> int | None:
    for key in (f"rentention_{what}", f"retention_{what}"):
        number = fields.integer(scheduled, key, problems, most=MOST_KEPT)
        if number:
            return number
    return None


def _word(
    source: JsonObject, key: str, meanings: dict[str, bool], problems: Problems
) -> bool | None:
    value = source.get(key)
    if value is None or value == "":
        return None
    meaning = meanings.get(value.strip().upper()) if isinstance(value, str) else None
    if meaning is None:
        return fields.refuse(problems, key, value, f"it is none of {', '.join(meanings)}")
    return meaning


def decode_task(entry: object, policy_id: str) -> TaskAnswer | None:
    """Decodes a task; None when it has no ID or no time at all."""
    task_id = identifier(entry, "job_id")
    if task_id is None or not isinstance(entry, dict):
        return None
    ignored: Problems = []
    ended_at = fields.instant(entry, "finished_at", ignored)
    created_at = fields.instant(entry, "created_at", ignored) or ended_at
    if created_at is None:
        return None
    status = fields.text(entry, "status", ignored)
    is_of_volume = entry.get("resource_type") in (None, "", "volume")
    return TaskAnswer(
        id=task_id,
        state=_STATES.get((status or "").strip().upper(), TaskState.UNKNOWN),
        status=status,
        policy_id=policy_id,
        resource_id=identifier(entry, "resource_id"),
        resource_type=ResourceType.VOLUME if is_of_volume else ResourceType.OTHER,
        created_at=created_at,
        ended_at=believed_end(created_at, ended_at),
        backup_name=fields.text(entry, "backup_name", ignored) or None,
        job_id=identifier(entry, "vbs_job_id"),
    )
