"""`GET …/backuppolicy`, its tasks, and the jobs that tell why one failed (`backups/vbs/API.md`
§12).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from backups.simulator.body import uuid_from
from backups.simulator.calendar import VbsCalendar
from backups.simulator.doubts import Doubts, written
from backups.simulator.estate import Estate
from backups.simulator.faults import Fault
from backups.simulator.listing import BadQueryError, NoMarkerError, window_of
from backups.simulator.message import Answer, answer_json
from backups.simulator.policy import Policy, Run, State
from backups.vbs.json_object import JsonObject

DEFAULT_LIMIT = 20
WORDS = {
    State.WAITING: "WAITING",
    State.RUNNING: "RUNNING",
    State.MADE: "EXECUTE_SUCCESS",
    State.FAILED: "EXECUTE_FAIL",
    State.TIMED_OUT: "EXECUTE_TIMEOUT",
    State.SKIPPED: "SKIP",
}
JOB_WORDS = {State.WAITING: "INIT", State.RUNNING: "RUNNING", State.MADE: "SUCCESS"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of a sender who may ask. `now`: seconds since 1970."""

    arguments: Mapping[str, str]
    faults: Mapping[str, Fault]
    now: float
    query: str = ""

    def every(self, word: str) -> frozenset[str]:
        """Returns the values of an argument that may come more than once."""
        return frozenset(parse_qs(self.query).get(word, ()))


def refusal(status: int, code: str, message: str) -> Answer:
    return answer_json({"error": {"code": code, "message": message}}, status)


class VbsPolicies:
    """Safe to use from many threads."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._added_policies: dict[str, JsonObject] = {}
        self._added_tasks: dict[str, list[JsonObject]] = {}

    def add_policy(self, body: JsonObject) -> None:
        """Lists this policy as it is."""
        self._added_policies[str(body.get("backup_policy_id"))] = body

    def add_task(self, policy_id: str, body: JsonObject) -> None:
        """Lists this task as it is, before all others."""
        self._added_tasks.setdefault(policy_id, []).insert(0, body)

    def policies(self, asked: Asked) -> Answer:
        doubts = self._estate.doubts
        if not doubts.policies_allowed:
            return refusal(403, "AutoBackup.0005", "The policy does not allow the operation.")
        entries: list[JsonObject] = []
        flips = self._estate.flips()
        for policy in self._estate.policies("vbs"):
            is_on = policy.enabled != flips
            entries.append(self._policy(policy, doubts, number=len(entries), is_on=is_on))
        entries += self._added_policies.values()
        if "poison" in asked.faults and entries:
            entries[0] = {"backup_policy_id": None, "scheduled_policy": "?"}
        return answer_json(_listed("backup_policies", entries, doubts))

    def _policy(self, policy: Policy, doubts: Doubts, *, number: int, is_on: bool) -> JsonObject:
        calendar = policy.calendar
        members = self._estate.members(policy)
        scheduled: JsonObject = {}
        if isinstance(calendar, VbsCalendar):
            scheduled["start_time"] = ",".join(calendar.hours)
            if calendar.frequency is not None:
                scheduled["frequency"] = calendar.frequency
            if calendar.weekdays:
                scheduled["week_frequency"] = list(calendar.weekdays)
        word = "rentention" if doubts.misspelled else "retention"
        if policy.keep is not None:
            scheduled[f"{word}_num"] = policy.keep
        if policy.days is not None:
            scheduled[f"{word}_day"] = policy.days
        scheduled["remain_first_backup_of_curMonth"] = "Y" if policy.keep_first_of_month else "N"
        scheduled["status"] = "ON" if is_on else "OFF"
        name_key = "backup_policy_name"
        if doubts.blank_keys and number % 2:
            name_key += " "
        body: JsonObject = {
            "backup_policy_id": policy.id,
            name_key: policy.name,
            "scheduled_policy": scheduled,
        }
        zone = calendar.time_zone if isinstance(calendar, VbsCalendar) else None
        if zone is not None and doubts.time_zone == "beside":
            body["time_zone"] = zone
        if zone is not None and doubts.time_zone == "scheduled":
            scheduled["time_zone"] = zone
        if doubts.resource_count != "absent":
            claimed = len(members) if policy.claimed is None else policy.claimed
            body["policy_resource_count"] = claimed + (doubts.resource_count == "wrong")
        if doubts.resources:
            body["resources"] = [
                {"resource_id": member.id, "resource_type": "volume"} for member in members
            ]
        return body | policy.keys

    def tasks(self, policy_id: str, asked: Asked) -> Answer:
        doubts = self._estate.doubts
        if not doubts.policies_allowed:
            return refusal(403, "AutoBackup.0005", "The policy does not allow the operation.")
        added = self._added_tasks.get(policy_id, [])
        runs = self._runs(policy_id)
        if runs is None and not added and policy_id not in self._added_policies:
            return refusal(404, "AutoBackup.0006", f"Backup policy {policy_id} does not exist.")
        if doubts.tasks_created == "start":
            runs = [run for run in runs or [] if run.begins <= asked.now]
        items: list[JsonObject | Run] = [*added, *reversed(runs or [])]
        try:
            page, total = _page(items, asked, doubts)
        except BadQueryError as problem:
            return refusal(400, "AutoBackup.0001", str(problem))
        except NoMarkerError as problem:
            return refusal(404, "AutoBackup.0006", f"Task {problem} does not exist.")
        body = _listed("tasks", page, doubts)
        if doubts.count != "absent":
            body["count"] = total if doubts.count == "total" else len(page)
        return answer_json(body)

    def _runs(self, policy_id: str) -> list[Run] | None:
        for policy in self._estate.policies("vbs"):
            if policy.id == policy_id:
                return self._estate.runs(policy)
        return None

    def job(self, job_id: str, asked: Asked) -> Answer:
        """Answers what a task's vbs_job_id leads to."""
        for policy in self._estate.policies("vbs"):
            for run in self._estate.runs(policy):
                if _job_id(run) == job_id:
                    return answer_json(_job(run, asked.now))
        return refusal(404, "VolumeBackup.0053", f"Job {job_id} does not exist.")


def _listed(key: str, entries: Sequence[JsonObject], doubts: Doubts) -> JsonObject:
    if doubts.lists == "absent":
        return {}
    return {key: None if doubts.lists == "null" else list(entries)}


def _job_id(run: Run) -> str:
    return uuid_from(f"job of {run.id}").replace("-", "")


def _task(run: Run, now: float, doubts: Doubts) -> JsonObject:
    state = run.state(now)
    created = run.begins if doubts.tasks_created == "start" else run.slot + 1
    task: JsonObject = {
        "job_id": run.id,
        "status": WORDS[state],
        "created_at": written(created, doubts.task_times),
        "backup_name": run.backup_name,
        "resource_id": run.resource.id,
        "resource_type": "volume",
    }
    is_over = state not in (State.WAITING, State.RUNNING)
    if doubts.finished_at and is_over:
        task["finished_at"] = written(run.ends, doubts.task_times)
    if doubts.job_ids and state not in (State.WAITING, State.SKIPPED):
        task["vbs_job_id"] = _job_id(run)
    return task


def _job(run: Run, now: float) -> JsonObject:
    state = run.state(now)
    code: str | None = None
    reason: str | None = None
    if state in (State.FAILED, State.TIMED_OUT):
        head, colon, tail = (run.message or "").partition(":")
        code = head if colon and head.startswith("VolumeBackup.") else "VolumeBackup.0064"
        reason = tail.strip() if colon else run.message
    return {
        "job_id": _job_id(run),
        "job_type": "bksCreateBackup",
        "status": JOB_WORDS.get(state, "FAIL"),
        "begin_time": written(run.begins, "milli").replace("+00:00", "Z"),
        "end_time": written(run.ends, "milli").replace("+00:00", "Z") if now >= run.ends else None,
        "entities": {"backup_id": run.backup_id, "volume_id": run.resource.id},
        "error_code": code,
        "fail_reason": reason,
        "sub_jobs": [],
    }


def _page(
    items: list[JsonObject | Run], asked: Asked, doubts: Doubts
) -> tuple[list[JsonObject], int]:
    """Returns the page that is asked for, and how many entries there are in all. Only what is asked
    for is written: a policy may have tens of thousands of tasks.
    """

    def word_of(item: JsonObject | Run, word: str) -> str:
        if isinstance(item, dict):
            return str(item.get(word))
        return item.id if word == "job_id" else WORDS[item.state(asked.now)]

    arguments = asked.arguments
    for word in ("status", "job_id"):
        wanted = arguments.get(word)
        if wanted is not None:
            items = [item for item in items if word_of(item, word) == wanted]
    sort_key = arguments.get("sort_key", "created_at")
    if sort_key not in ("created_at", "job_id", "status"):
        raise BadQueryError(f"Invalid sort key {sort_key}")
    direction = arguments.get("sort_dir", "desc")
    if direction not in ("asc", "desc"):
        raise BadQueryError(f"Invalid sort direction {direction}")
    if sort_key != "created_at":
        items = sorted(items, key=lambda item: word_of(item, sort_key), reverse=True)
    if direction == "asc":
        items = items[::-1]
    window = window_of(arguments, asked.faults, default=DEFAULT_LIMIT)
    page = window.cut(items, paging="marker", id_of=lambda item: word_of(item, "job_id"))
    entries = [item if isinstance(item, dict) else _task(item, asked.now, doubts) for item in page]
    if "poison" in asked.faults and entries:
        entries[0] = {"job_id": None, "status": ["?"]}
    return entries, len(items)
