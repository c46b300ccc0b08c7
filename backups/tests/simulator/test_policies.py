"""Policies of the simulated services: when they run, what that makes, what VBS tells of it."""

import calendar as months
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import requests
from dateutil.rrule import rrulestr

from backups.simulator import Fault, Simulator
from backups.simulator.calendar import RuleCalendar, VbsCalendar, next_slot
from backups.tests.run_settings import LIMIT_S

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
DISK = "3d0f6a52-77c1-4b0e-9a44-0c6b2f1d9e10"
OTHER = "3d0f6a52-77c1-4b0e-9a44-0c6b2f1d9e11"


class Cloud:
    """A simulator whose clock is moved by hand, and a client of it."""

    def __init__(self, **options: Any) -> None:
        self.now = START
        self.sim = Simulator(clock=lambda: self.now, **options)
        self.session = requests.Session()

    def get(self, path: str, *, status: int = 200) -> Any:
        headers = {"X-Auth-Token": self.sim.issue_token()}
        base = f"{self.sim.url}{path}".replace("{p}", self.sim.project_id)
        answer = self.session.get(base, headers=headers, timeout=LIMIT_S)
        assert answer.status_code == status, answer.text
        return answer.json()

    def policies(self) -> Any:
        return self.get("/v2/{p}/backuppolicy")["backup_policies"]

    def tasks(self, policy_id: str, query: str = "limit=1000") -> Any:
        return self.get(f"/v2/{{p}}/backuppolicy/{policy_id}/backuptasks?{query}")["tasks"]

    def backups(self) -> Any:
        return [
            one
            for one in self.get("/v2/{p}/backups/detail")["backups"]
            if one["id"] != self.sim.seed_example_id
        ]


@contextmanager
def cloud(**options: Any) -> Iterator[Cloud]:
    made = Cloud(**options)
    with made.sim:
        yield made
        made.session.close()


def days_of(slots: list[float]) -> list[date]:
    return [datetime.fromtimestamp(slot, UTC).date() for slot in slots]


def test_every_n_days_counts_from_the_first_of_each_month() -> None:
    begin = datetime(2027, 1, 1, tzinfo=UTC)
    end = datetime(2028, 1, 1, tzinfo=UTC)
    for n in range(1, 31):
        slots = VbsCalendar(("22:00",), frequency=n).slots(begin.timestamp(), end.timestamp())
        expected = [
            date(2027, month, day)
            for month in range(1, 13)
            for day in range(1, months.monthrange(2027, month)[1] + 1, n)
        ]
        assert days_of(slots) == expected


def test_the_hours_are_of_utc_and_the_weekday_is_local() -> None:
    """23:00 of UTC on a Saturday is Sunday in a zone two hours ahead."""
    hours = ("23:00", "01:00")
    calendar = VbsCalendar(hours, frequency=None, weekdays=("SUN",), time_zone="UTC+02:00")
    slots = calendar.slots(START.timestamp(), (START + 7 * DAY).timestamp())
    assert [datetime.fromtimestamp(slot, UTC).strftime("%a %H") for slot in slots] == [
        "Sat 23",
        "Sun 01",
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=14;BYMINUTE=00",
        "FREQ=WEEKLY;BYDAY=SU;BYHOUR=2,14;BYMINUTE=15,45",
        "FREQ=DAILY;INTERVAL=3;BYHOUR=6;BYMINUTE=00",
        "FREQ=DAILY;INTERVAL=1;BYHOUR=0;BYMINUTE=30",
    ],
)
def test_patterns_are_read_as_by_dateutil(pattern: str) -> None:
    start = START.replace(hour=0)
    rule = rrulestr(pattern, dtstart=start)
    expected = rule.between(start, start + 60 * DAY, inc=True)
    slots = RuleCalendar((pattern,), start.timestamp()).slots(
        start.timestamp(), (start + 60 * DAY).timestamp()
    )
    assert [datetime.fromtimestamp(slot, UTC) for slot in slots] == expected


@pytest.mark.parametrize("hours", [("24:00",), ("22:30",), ("ten",), ()])
def test_what_is_no_full_hour_never_runs(hours: tuple[str, ...]) -> None:
    assert next_slot(VbsCalendar(hours), START.timestamp()) is None


def test_a_policy_runs_at_its_slot_and_keeps_so_many() -> None:
    with cloud() as one:
        policy_id = one.sim.add_policy("nightly", volumes=[DISK], keep=3, seconds=100)
        assert (one.tasks(policy_id), one.backups()) == ([], [])
        one.now = START.replace(hour=22, minute=1, second=10)
        (task,) = one.tasks(policy_id)
        (backup,) = one.backups()
        assert (task["status"], backup["status"]) == ("RUNNING", "creating")
        assert task["backup_name"] == backup["name"]
        assert task.keys() == {
            *("job_id", "status", "created_at", "backup_name", "resource_id", "resource_type"),
            "vbs_job_id",
        }
        one.now += timedelta(minutes=5)
        (task,) = one.tasks(policy_id)
        assert (task["status"], task["resource_id"]) == ("EXECUTE_SUCCESS", DISK)
        assert datetime.fromisoformat(task["finished_at"]) < one.now.replace(tzinfo=None)
        for nights in (1, 2, 3, 4):
            one.now = START.replace(hour=23) + nights * DAY
            assert len(one.backups()) == min(3, 1 + nights)
        assert len(one.tasks(policy_id)) == 5


def test_a_history_is_there_from_the_beginning_and_the_same_at_each_start() -> None:
    words: dict[str, Any] = {"volumes": [DISK], "keep": 7, "history": 10 * DAY}
    with cloud() as one, cloud() as again:
        ids = [each.sim.add_policy("nightly", **words) for each in (one, again)]
        assert len(one.tasks(ids[0])) == 10
        assert one.backups() == again.backups()
        assert len(one.backups()) == 7


DEVIATIONS: dict[str, Callable[[Cloud, str, datetime], None]] = {
    "EXECUTE_SUCCESS": lambda one, policy, slot: one.sim.deviate(policy, slot, late=7200),
    "SKIP": lambda one, policy, slot: one.sim.deviate(policy, slot, "skipped"),
    "EXECUTE_FAIL": lambda one, policy, slot: one.sim.deviate(
        policy, slot, "failed", message="VolumeBackup.0064: no"
    ),
    "EXECUTE_TIMEOUT": lambda one, policy, slot: one.sim.deviate(policy, slot, "timed out"),
    "": lambda one, policy, slot: one.sim.deviate(policy, slot, "unlogged"),
}


@pytest.mark.parametrize("status", DEVIATIONS)
def test_one_run_may_differ_from_the_plan(status: str) -> None:
    slot = START.replace(hour=22)
    with cloud() as one:
        policy_id = one.sim.add_policy("nightly", volumes=[DISK, OTHER])
        one.sim.deviate(policy_id, slot, resource_id=OTHER)  # This one runs as planned.
        DEVIATIONS[status](one, policy_id, slot)
        one.now = slot + timedelta(minutes=30)
        if status == "EXECUTE_SUCCESS":
            assert "WAITING" in {task["status"] for task in one.tasks(policy_id)}
        one.now = slot + timedelta(hours=3)
        tasks = {task["resource_id"]: task for task in one.tasks(policy_id)}
        assert tasks[OTHER]["status"] == "EXECUTE_SUCCESS"
        assert tasks.get(DISK, {"status": ""})["status"] == status
        statuses = [made["status"] for made in one.backups() if made["volume_id"] == DISK]
        made = {"EXECUTE_SUCCESS": ["available"], "EXECUTE_FAIL": ["error"]}
        assert statuses == made.get(status, [])
        if status == "EXECUTE_FAIL":
            job = one.get(f"/v1/{{p}}/jobs/{tasks[DISK]['vbs_job_id']}")
            assert (job["status"], job["error_code"]) == ("FAIL", "VolumeBackup.0064")


def test_a_policy_that_is_changed_runs_otherwise_from_then_on() -> None:
    with cloud() as one:
        policy_id = one.sim.add_policy("nightly", volumes=[DISK], history=3 * DAY)
        one.sim.change_policy(policy_id, enabled=False)
        one.now += 2 * DAY
        assert len(one.tasks(policy_id)) == 3
        assert one.policies()[0]["scheduled_policy"]["status"] == "OFF"
        one.sim.change_policy(policy_id, enabled=True, volumes=(DISK, OTHER))
        one.now += DAY
        assert len(one.tasks(policy_id)) == 5
        assert one.policies()[0]["policy_resource_count"] == 2
        one.sim.remove_policy(policy_id)
        assert (one.policies(), len(one.backups())) == ([], 5)


def test_policies_are_written_as_documented() -> None:
    with cloud() as one:
        words: dict[str, Any] = {"hours": ("22:00", "00:00"), "time_zone": "UTC+02:00", "days": 30}
        one.sim.add_policy("plan01", weekdays=("SUN", "WED"), keep=10, **words)
        (policy,) = one.policies()
        assert policy.pop("backup_policy_id")
        assert policy == {
            "backup_policy_name": "plan01",
            "time_zone": "UTC+02:00",
            "policy_resource_count": 0,
            "scheduled_policy": {
                "start_time": "22:00,00:00",
                "week_frequency": ["SUN", "WED"],
                "rentention_num": 10,
                "rentention_day": 30,
                "remain_first_backup_of_curMonth": "N",
                "status": "ON",
            },
        }


@pytest.mark.parametrize(
    ("switch", "paths"),
    [
        ({"misspelled": False}, {"scheduled_policy": {"retention_num", "status"}}),
        ({"time_zone": "absent"}, {}),
        ({"time_zone": "scheduled"}, {"scheduled_policy": {"time_zone"}}),
        ({"resource_count": "wrong"}, {"policy_resource_count": 2}),
        ({"resource_count": "absent"}, {}),
        ({"resources": True}, {"resources": [{"resource_id": DISK, "resource_type": "volume"}]}),
    ],
)
def test_each_doubt_about_a_policy_is_a_switch(
    switch: dict[str, Any], paths: dict[str, Any]
) -> None:
    with cloud() as one:
        one.sim.add_policy("plan01", volumes=[DISK], time_zone="UTC+02:00")
        one.sim.doubt(**switch)
        (policy,) = one.policies()
        for key, value in paths.items():
            is_set = isinstance(value, set)
            assert value <= policy[key].keys() if is_set else policy[key] == value
        assert ("time_zone" in policy) == ("time_zone" not in switch)
        assert ("policy_resource_count" in policy) == (switch != {"resource_count": "absent"})


def test_lists_and_keys_may_be_odd_and_policies_refused() -> None:
    with cloud() as one:
        first, second = (one.sim.add_policy(name, volumes=[DISK]) for name in ("a", "b"))
        one.sim.doubt(blank_keys=True)
        assert ["backup_policy_name " in policy for policy in one.policies()] == [False, True]
        one.sim.doubt(policy_flips=True)
        states = {one.policies()[0]["scheduled_policy"]["status"] for _ in range(2)}
        assert states == {"ON", "OFF"}
        one.sim.doubt(lists="null")
        assert one.policies() is one.tasks(first) is None
        one.sim.doubt(lists="absent")
        assert one.get("/v2/{p}/backuppolicy") == {}
        one.sim.doubt(policies_allowed=False)
        for path in ("", f"/{second}/backuptasks"):
            error = one.get(f"/v2/{{p}}/backuppolicy{path}", status=403)["error"]
            assert error["code"].startswith("AutoBackup.")


def test_a_task_may_be_created_when_its_backup_begins() -> None:
    slot = START.replace(hour=22)
    with cloud() as one:
        policy_id = one.sim.add_policy("nightly", volumes=[DISK])
        one.sim.deviate(policy_id, slot, late=3600)
        one.now = slot + timedelta(minutes=30)
        assert one.tasks(policy_id)[0]["created_at"] == "2026-11-23T22:00:01.000000"
        one.sim.doubt(tasks_created="start")
        assert one.tasks(policy_id) == []
        one.now = slot + timedelta(minutes=90)
        assert one.tasks(policy_id)[0]["created_at"] > "2026-11-23T23:00"


def test_tasks_come_in_pages_filtered_and_sorted() -> None:
    with cloud() as one:
        policy_id = one.sim.add_policy("nightly", volumes=[DISK, OTHER], history=15 * DAY)
        path = f"/v2/{{p}}/backuppolicy/{policy_id}/backuptasks"
        first = one.get(path)
        assert (len(first["tasks"]), first["count"]) == (20, 30)
        marker = first["tasks"][-1]["job_id"]
        rest = one.tasks(policy_id, f"marker={marker}")
        assert rest == one.tasks(policy_id, "offset=20")
        every = first["tasks"] + rest
        assert every == sorted(every, key=lambda task: task["created_at"], reverse=True)
        assert one.tasks(policy_id, "sort_dir=asc&sort_key=created_at&limit=1") == [every[-1]]
        assert one.tasks(policy_id, "status=SKIP") == []
        one.sim.doubt(count="page")
        assert one.get(f"{path}?limit=7")["count"] == 7
        for wrong in ("limit=x", "sort_dir=up", "sort_key=size"):
            assert one.get(f"{path}?{wrong}", status=400)["error"]["code"] == "AutoBackup.0001"
        assert one.get(path.replace(policy_id, "none"), status=404)["error"]["code"]
        one.sim.fault(Fault("shift", rows=1, path="backuptasks"))
        assert one.tasks(policy_id, "offset=20&limit=20")[0] == every[19]


def test_bodies_are_listed_as_they_are() -> None:
    with cloud() as one:
        one.sim.add_policy_body({"backup_policy_id": "x", "scheduled_policy": None})
        one.sim.add_task("x", {"job_id": "j", "status": "NEW_WORD"})
        assert one.policies() == [{"backup_policy_id": "x", "scheduled_policy": None}]
        assert one.tasks("x") == [{"job_id": "j", "status": "NEW_WORD"}]


def test_the_generated_backups_are_those_of_the_generated_policies() -> None:
    with cloud(backups=300) as one:
        by_name: dict[str, list[Any]] = {}
        for backup in one.backups():
            by_name.setdefault(f"{backup['name']} {backup['volume_id']}", []).append(backup)
        runs = 0
        for policy in one.policies():
            for task in one.tasks(policy["backup_policy_id"]):
                found = by_name.get(f"{task['backup_name']} {task['resource_id']}", [])
                runs += len(found)
                for backup in found:
                    made = {"EXECUTE_SUCCESS": "available", "EXECUTE_FAIL": "error"}
                    assert backup["status"] == made.get(task["status"], "error")
        assert runs > 180


def test_last_night_a_run_was_skipped_at_each_hour_of_a_week() -> None:
    with cloud(backups=300) as one:
        (short,) = (p for p in one.policies() if p["backup_policy_name"] == "short")
        for hour in range(0, 168, 5):
            one.now = START + timedelta(hours=hour)
            runs = one.sim.runs(short["backup_policy_id"])
            skipped = [run for run in runs if run.state(one.now.timestamp()) == "skipped"]
            assert skipped[-1].slot > (one.now - DAY).timestamp() - 5
            assert runs[0].slot < (one.now - 7 * DAY).timestamp()
