"""Policies, vaults and tasks of VBS and CBR: the recorded forms, and bad ones."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.vbs import policies_cbr, policies_vbs
from backups.vbs.errors import Malformed, OutOfBudget, Rejected
from backups.vbs.policies import ResourceType, Retention, TaskState

SAMPLES = Path(__file__).parents[1] / "samples" / "cbr"
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
DISK = "7a84f97a-0a4b-4d0c-8b2e-5b1f6c3d2e12"
POLICY = "cbb3ce6f-3332-4e7c-b98e-77290d8471ff"


def sample(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((SAMPLES / name).read_text())
    return body


class Service:
    """Answers with the bodies of each path in turn, the last one for ever; notes what was asked."""

    def __init__(self, **bodies: Any) -> None:
        self._bodies = bodies
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, path: str, query: Mapping[str, str | int]) -> dict[str, Any]:
        self.asked.append((path, dict(query)))
        bodies = self._bodies[path.rsplit("/", 1)[-1].replace("-", "_")]
        body = bodies if not isinstance(bodies, list) else bodies[0]
        if isinstance(bodies, list) and len(bodies) > 1:
            del bodies[0]
        if isinstance(body, Exception):
            raise body
        answer: dict[str, Any] = body
        return answer


def test_policies_and_vaults_of_cbr_are_read_by_two_calls() -> None:
    ask = Service(policies=sample("40_cbr_policies.json"), vaults=sample("41_cbr_vaults.json"))
    reading = policies_cbr.read_policies(ask)
    assert ask.asked == [("/policies", {"operation_type": "backup"}), ("/vaults", {"limit": 1000})]
    assert (reading.is_whole, reading.problems) == (True, ())
    daily, third_day = reading.policies  # And none of replication.
    assert (daily.id, daily.name, daily.enabled) == (POLICY, "default", True)
    assert daily.schedule == {
        "calendar": "rrule",
        "patterns": ["FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=14;BYMINUTE=00"],
        "start_time": "2019-05-08 06:57:05",
        "time_zone": "UTC+08:00",
    }
    assert daily.retention == Retention(count=10)
    assert daily.vault_ids == ("06e844ba-7a77-4f35-9a5a-2c8b1c1d9f13",)
    assert (third_day.enabled, third_day.vault_ids) == (False, ())
    assert third_day.retention == Retention(days=30, per_day=7)
    assert daily.problems == third_day.problems == ()
    disks, servers = reading.vaults or ()
    assert (disks.used_mb, disks.size_gb, disks.auto_expand, disks.locked) == (
        3072,
        100,
        False,
        False,
    )
    assert [(r.id, r.type, r.stored_mb) for r in disks.resources] == [
        (DISK, ResourceType.VOLUME, 3072)
    ]
    one, other = servers.resources
    assert (one.type, one.included) == (ResourceType.SERVER, None)
    assert one.excluded == ("c0ffee00-1a2b-4c3d-8e4f-5a6b7c8d9e29",)
    assert other.included == ("c0ffee00-1a2b-4c3d-8e4f-5a6b7c8d9e34",)
    assert disks.is_whole
    assert servers.is_whole


def test_what_is_kept_for_ever_is_said_to_be() -> None:
    entry = sample("40_cbr_policies.json")["policies"][0]
    entry["operation_definition"] |= {"max_backups": -1, "retention_duration_days": -1}
    assert policies_cbr.decode_policy(entry).retention == Retention(forever=True)
    entry["operation_definition"] = {}
    assert policies_cbr.decode_policy(entry).retention == Retention()


@pytest.mark.parametrize(
    ("pages", "ids"),
    [
        pytest.param([[1, 2], [3]], 3, id="two_pages"),
        pytest.param([[1, 2], []], 2, id="an_empty_one"),
    ],
)
def test_pages_end_with_a_short_one_whatever_is_counted(pages: list[list[int]], ids: int) -> None:
    ask = Service(
        policies=sample("40_cbr_policies.json"),
        vaults=[
            {"vaults": [{"id": f"v{n}", "resources": []} for n in page], "count": 50, "limit": 2}
            for page in pages
        ],
    )
    reading = policies_cbr.read_policies(ask)
    assert len(reading.vaults or ()) == ids
    assert reading.is_whole
    assert [query.get("offset") for path, query in ask.asked if path == "/vaults"] == [None, 2]


def test_a_count_above_what_came_says_that_there_is_more() -> None:
    """The service gives fewer than were asked for, and does not say so."""
    pages = [{"vaults": [{"id": f"v{n}"}], "count": 2} for n in (1, 2)]
    ask = Service(policies={"policies": [{"id": "a"}], "count": 1}, vaults=pages)
    reading = policies_cbr.read_policies(ask)
    assert (len(reading.vaults or ()), reading.is_whole) == (2, True)
    ask = Service(policies={"policies": [{"id": "a"}], "count": 40}, vaults={"vaults": []})
    reading = policies_cbr.read_policies(ask)
    assert (len(reading.policies), reading.is_whole) == (1, False)


@pytest.mark.parametrize(
    ("resource_type", "expected", "is_whole"),
    [
        ("OS::Cinder::Volume ", ResourceType.VOLUME, True),
        ("OS::Nova::Server", ResourceType.SERVER, True),
        ("OS::Sfs::Turbo", ResourceType.OTHER, True),
        ("OS::Workspace::DesktopV2", ResourceType.OTHER, False),
    ],
)
def test_what_may_have_disks_leaves_open_which_disks_a_vault_has(
    resource_type: str, expected: ResourceType, is_whole: bool
) -> None:
    resource = {"id": "r", "type": resource_type}
    vault = policies_cbr.decode_vault({"id": "v", "billing": {}, "resources": [resource]})
    assert (vault.resources[0].type, vault.is_whole) == (expected, is_whole)


@pytest.mark.parametrize("resource", [{"id": "r"}, {"id": "r", "type": None}])
def test_a_resource_without_a_type_may_be_a_disk(resource: dict[str, Any]) -> None:
    vault = policies_cbr.decode_vault({"id": "v", "billing": {}, "resources": [resource]})
    assert not vault.is_whole


def test_an_operation_that_makes_no_backup_is_no_run() -> None:
    """The filter of the query may be ignored."""
    logs = [{"id": "a", "created_at": "2026-11-24T12:00:00Z", "operation_type": "delete"}]
    read = policies_cbr.read_tasks(
        Service(operation_logs={"operation_logs": logs}), since=datetime(2026, 11, 1, tzinfo=UTC)
    )
    assert (read.tasks, read.is_whole) == ((), True)


def test_a_policy_that_does_not_tell_its_vaults_is_not_bound_to_none() -> None:
    assert not policies_cbr.decode_policy({"id": "p1"}).vaults_known


def test_a_list_without_pages_that_names_its_length_as_limit_is_whole() -> None:
    body = {"policies": [{"id": "a"}, {"id": "b"}], "limit": 2, "count": 2}
    ask = Service(policies=body, vaults={"vaults": []})
    reading = policies_cbr.read_policies(ask)
    assert (len(reading.policies), reading.is_whole) == (2, True)


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([["a", "b"], ["b"]], id="overlap"),
        pytest.param([["a", "b"], ["a", "b"]], id="the_same_page"),
        pytest.param([["a", "a"], []], id="twice_on_a_page"),
        pytest.param([["a", None], []], id="no_id"),
        pytest.param([["a", 7.5], []], id="no_object"),
    ],
)
def test_a_list_that_changes_or_cannot_be_read_is_not_whole(pages: list[list[Any]]) -> None:
    vaults = []
    for number, page in enumerate(pages):
        entries = [
            name if isinstance(name, float) else {"id": name, "name": f"on page {number}"}
            for name in page
        ]
        vaults.append({"vaults": entries, "limit": 2})
    ask = Service(policies=sample("40_cbr_policies.json"), vaults=vaults)
    reading = policies_cbr.read_policies(ask)
    assert not reading.is_whole
    assert reading.problems
    assert "a" in {vault.id for vault in reading.vaults or ()}


def test_null_in_the_place_of_a_list_says_nothing_of_what_there_is() -> None:
    ask = Service(policies={"policies": None}, vaults=sample("41_cbr_vaults.json"))
    reading = policies_cbr.read_policies(ask)
    assert (reading.policies, reading.is_whole) == ((), False)
    with pytest.raises(Malformed):
        policies_cbr.read_policies(Service(policies={"policy": []}))


def test_a_refusal_passes_up() -> None:
    with pytest.raises(Rejected):
        policies_cbr.read_policies(Service(policies=Rejected("no", http_status=403)))
    with pytest.raises(Rejected):
        policies_vbs.read_policies(Service(backuppolicy=Rejected("no", http_status=403)))


@pytest.mark.parametrize(
    "resources",
    [
        None,
        [{"id": DISK, "type": "OS::Cinder::Volume"}, "half"],
        [{"type": "OS::Cinder::Volume"}],
        [{"id": DISK, "type": "OS::Nova::Server", "extra_info": {"exclude_volumes": [None]}}],
        [{"id": DISK, "type": "OS::Nova::Server", "extra_info": {"include_volumes": "x"}}],
    ],
)
def test_half_a_vault_is_not_whole(resources: object) -> None:
    vault = policies_cbr.decode_vault({"id": "v", "billing": {}, "resources": resources})
    assert not vault.is_whole
    assert vault.problems


def test_the_log_tells_what_became_of_each_run() -> None:
    ask = Service(operation_logs=sample("42_cbr_operation_logs.json"))
    since = datetime(2025, 3, 25, 1, tzinfo=UTC)
    answer = policies_cbr.read_tasks(ask, since=since)
    made, skipped, failed = answer.tasks
    assert (answer.is_whole, answer.known_since) == (True, since)
    assert ask.asked == [
        (
            "/operation-logs",
            {"operation_type": "backup", "start_time": "2025-03-25T01:00:00Z", "limit": 1000},
        )
    ]
    assert (made.state, made.policy_id, made.volume_id) == (TaskState.MADE, POLICY, DISK)
    assert made.backup_id == "f2aab24a-3c2b-4f83-a0c5-90b7a5e1d201"
    assert (made.error_code, made.error_message) == (None, None)
    assert made.ended_at == datetime(2025, 3, 25, 6, 26, 30, tzinfo=UTC)
    assert (skipped.state, skipped.error_code) == (TaskState.SKIPPED, "BackupService.6125")
    assert (failed.state, failed.policy_id, failed.volume_id) == (TaskState.FAILED, None, None)
    assert failed.resource_type is ResourceType.SERVER


def test_policies_of_vbs_are_read_by_one_call_with_blanks_and_both_spellings() -> None:
    body = sample("43_vbs_policies.json")
    ask = Service(backuppolicy=body)
    reading = policies_vbs.read_policies(ask)
    assert ask.asked == [("/backuppolicy", {})]
    assert (reading.vaults, reading.is_whole) == (None, True)
    nightly, weekends = reading.policies
    assert (nightly.name, nightly.enabled, nightly.claimed) == ("nightly", True, 10)
    assert nightly.schedule == {
        "calendar": "vbs",
        "hours": ["12:00"],
        "frequency": 1,
        "weekdays": None,
        "time_zone": "UTC+02:00",
    }
    assert nightly.retention == Retention(count=10, keep_first_of_month=True)
    assert (weekends.name, weekends.enabled, weekends.claimed) == ("weekends", False, 0)
    assert weekends.schedule["hours"] == ["22:00", "00:00", "02:00"]
    assert weekends.schedule["weekdays"] == ["SUN", "WED"]
    assert weekends.retention == Retention(days=30)
    scheduled = body["backup_policies"][0]["scheduled_policy"]
    scheduled["retention_num "] = scheduled.pop("rentention_num")
    scheduled |= {"rentention_day": 30, "time_zone": "UTC+01:00", "start_time": "24:00"}
    del body["backup_policies"][0]["time_zone"]
    again = policies_vbs.read_policies(Service(backuppolicy=body)).policies[0]
    assert again.retention == Retention(count=10, keep_first_of_month=True)
    assert (again.schedule["time_zone"], again.schedule["hours"]) == ("UTC+01:00", ["24:00"])


def test_values_of_another_type_are_sentences() -> None:
    body = sample("43_vbs_policies.json")
    scheduled = body["backup_policies"][0]["scheduled_policy"]
    scheduled |= {"status": 1, "start_time": 12, "frequency": "often", "rentention_num": "ten"}
    policy = policies_vbs.read_policies(Service(backuppolicy=body)).policies[0]
    assert (policy.enabled, policy.schedule["hours"], policy.retention.count) == (None, [], None)
    assert len(policy.problems) == 4
    nameless = {"backup_policies": [{"backup_policy_name": "x"}, *body["backup_policies"]]}
    reading = policies_vbs.read_policies(Service(backuppolicy=nameless))
    assert (len(reading.policies), reading.is_whole) == (2, False)


def test_tasks_of_vbs_are_read_from_the_newest_on_until_they_are_old() -> None:
    ask = Service(backuptasks=sample("44_vbs_policy_tasks.json"))
    since = datetime(2025, 3, 25, tzinfo=UTC)
    answer = policies_vbs.read_tasks(ask, POLICY, since=since)
    made, skipped = answer.tasks
    assert (answer.is_whole, answer.known_since, answer.error) == (True, since, None)
    assert [path for path, _ in ask.asked] == [f"/backuppolicy/{POLICY}/backuptasks"]
    assert (made.state, skipped.state) == (TaskState.MADE, TaskState.SKIPPED)
    assert (made.policy_id, made.volume_id) == (POLICY, DISK)
    assert made.job_id == "4010b39b5281d3590152874bfa3b1604"
    assert made.created_at == datetime(2025, 3, 26, 12, 0, 5, 123000, tzinfo=UTC)
    assert made.ended_at == datetime(2025, 3, 26, 12, 4, 11, 456000, tzinfo=UTC)


def tasks(first: int, count: int) -> dict[str, Any]:
    entries = []
    for number in range(first, first + count):
        at = datetime.fromtimestamp(1_750_000_000 - 3600 * number, UTC)
        entries.append({"job_id": f"job-{number}", "created_at": at.isoformat()})
    return {"tasks": entries, "count": count}


def test_a_page_of_the_default_length_is_not_the_last_one() -> None:
    ask = Service(backuptasks=[tasks(0, 20), tasks(20, 20), tasks(40, 3)])
    assert len(policies_vbs.read_tasks(ask, POLICY, since=LONG_AGO).tasks) == 43
    assert [query["offset"] for _, query in ask.asked] == [0, 20, 40]


def created(number: int) -> datetime:
    return datetime.fromtimestamp(1_750_000_000 - 3600 * number, UTC)


@pytest.mark.parametrize("error", [Malformed("half", http_status=200), OutOfBudget("used up")])
def test_tasks_that_came_before_an_error_are_kept(error: Exception) -> None:
    ask = Service(backuptasks=[tasks(0, 100), tasks(100, 100), error])
    answer = policies_vbs.read_tasks(ask, POLICY, since=LONG_AGO)
    assert (len(answer.tasks), answer.is_whole, answer.error) == (200, False, error)
    assert answer.known_since is not None
    assert created(199) <= answer.known_since < created(198)


def test_the_limit_of_pages_is_no_error() -> None:
    ask = Service(backuptasks=[tasks(100 * page, 100) for page in range(301)])
    answer = policies_vbs.read_tasks(ask, POLICY, since=datetime(2000, 1, 1, tzinfo=UTC))
    assert (len(answer.tasks), answer.is_whole, answer.error) == (30_000, False, None)
    assert len(ask.asked) == 300
    assert answer.known_since is not None
    assert answer.known_since < created(29_998)


def test_tasks_out_of_order_are_not_known_from_any_time_on() -> None:
    page = {"tasks": list(reversed(tasks(0, 100)["tasks"]))}
    ask = Service(backuptasks=[page, OutOfBudget("used up")])
    answer = policies_vbs.read_tasks(ask, POLICY, since=LONG_AGO)
    assert (len(answer.tasks), answer.known_since) == (100, None)


def test_a_list_of_tasks_that_repeats_its_page_is_not_whole() -> None:
    answer = policies_vbs.read_tasks(Service(backuptasks=tasks(0, 100)), POLICY, since=LONG_AGO)
    assert (len(answer.tasks), answer.is_whole, len(answer.problems)) == (100, False, 1)


@pytest.mark.parametrize(
    "entries",
    [
        None,
        [{"created_at": "2025-06-15T10:00:00"}],
        [{"job_id": "1", "id": "1"}],
        ["half"],
    ],
)
def test_broken_lists_of_tasks_are_not_whole(entries: object) -> None:
    since = LONG_AGO
    of_vbs = policies_vbs.read_tasks(Service(backuptasks={"tasks": entries}), POLICY, since=since)
    log = Service(operation_logs={"operation_logs": entries})
    of_cbr = policies_cbr.read_tasks(log, since=since)
    for answer in (of_vbs, of_cbr):
        assert (answer.tasks, answer.is_whole, answer.known_since) == ((), False, None)
        assert answer.problems


def test_an_old_task_without_id_hides_no_newer_one() -> None:
    old = {"created_at": (LONG_AGO - timedelta(days=1)).isoformat()}
    answer = policies_vbs.read_tasks(Service(backuptasks={"tasks": [old]}), POLICY, since=LONG_AGO)
    assert answer.is_whole


def test_the_log_that_broke_off_is_kept_and_not_whole() -> None:
    entries = [{"id": f"log-{n}", "created_at": created(n).isoformat()} for n in range(1000)]
    error = OutOfBudget("used up")
    log = Service(operation_logs=[{"operation_logs": entries}, error])
    answer = policies_cbr.read_tasks(log, since=LONG_AGO)
    assert (len(answer.tasks), answer.is_whole, answer.known_since) == (1000, False, None)
    assert answer.error is error


@pytest.mark.parametrize("ended_at", ["2025-06-22T10:00:01", "2025-06-15T09:59:59"])
def test_a_task_does_not_end_before_its_start_nor_days_after_it(ended_at: str) -> None:
    start = "2025-06-15T10:00:00"
    task = {"job_id": "1", "created_at": start, "finished_at": ended_at}
    of_vbs = policies_vbs.decode_task(task, POLICY)
    log: dict[str, object] = {
        "id": "1",
        "created_at": start,
        "started_at": start,
        "ended_at": ended_at,
    }
    of_cbr = policies_cbr.decode_task(log)
    for decoded in (of_vbs, of_cbr):
        assert decoded is not None
        assert decoded.ended_at is None


def test_numbers_that_nobody_keeps_are_sentences() -> None:
    entry = sample("40_cbr_policies.json")["policies"][0]
    entry["operation_definition"] = {
        "retention_duration_days": 9_999_999_999,
        "max_backups": 9_999_999_999,
        "day_backups": 9_999_999_999,
    }
    policy = policies_cbr.decode_policy(entry)
    assert (policy.retention, len(policy.problems)) == (Retention(), 3)
    scheduled = {"rentention_day": 9_999_999_999, "frequency": 9_999_999_999}
    body = {"id": "p", "policy_resource_count": 2**31, "scheduled_policy": scheduled}
    of_vbs = policies_vbs.decode_policy(body)
    assert of_vbs is not None
    assert (of_vbs.retention.days, of_vbs.schedule["frequency"], of_vbs.claimed) == (
        None,
        None,
        None,
    )
    assert len(of_vbs.problems) == 3
    resource = {"id": DISK, "type": "OS::Cinder::Volume", "backup_count": 2**31, "size": 2**63}
    vault = policies_cbr.decode_vault({"id": "v", "billing": {"used": 2**63, "size": 2**63}})
    assert (vault.used_mb, vault.size_gb) == (None, None)
    vault = policies_cbr.decode_vault({"id": "v", "billing": {}, "resources": [resource]})
    assert (vault.resources[0].backup_count, vault.resources[0].size_gb) == (None, None)
    assert len(vault.problems) == 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def broken(draw: st.DrawFn, entry: dict[str, Any]) -> Any:
    """The entry with some of its values, at any depth, replaced by anything."""

    def breaking(value: Any) -> Any:
        if draw(st.integers(0, 9)) == 0:
            return draw(json_values)
        if isinstance(value, dict):
            return {key: breaking(item) for key, item in value.items()}
        return [breaking(item) for item in value] if isinstance(value, list) else value

    return {key: breaking(value) for key, value in entry.items()}


@given(broken(sample("40_cbr_policies.json")["policies"][0]))
def test_decoding_a_policy_of_cbr_never_raises(entry: dict[str, Any]) -> None:
    json.dumps(policies_cbr.decode_policy(entry).schedule)


@given(broken(sample("41_cbr_vaults.json")["vaults"][1]))
def test_decoding_a_vault_never_raises(entry: dict[str, Any]) -> None:
    policies_cbr.decode_vault(entry)


@given(broken(sample("42_cbr_operation_logs.json")["operation_logs"][1]))
def test_decoding_the_log_never_raises(entry: dict[str, Any]) -> None:
    policies_cbr.decode_task(entry)


@given(
    broken(sample("43_vbs_policies.json")["backup_policies"][1]),
    broken(sample("44_vbs_policy_tasks.json")["tasks"][0]),
)
def test_decoding_policies_of_vbs_never_raises(policy: dict[str, Any], task: Any) -> None:
    read = policies_vbs.read_policies(Service(backuppolicy={"backup_policies": [policy]}))
    json.dumps([entry.schedule for entry in read.policies])
    policies_vbs.decode_task(task, "policy")


@pytest.mark.parametrize(
    ("vaults", "ids", "are_known"),
    [
        (None, (), True),
        ([], (), True),
        ([{"vault_id": "v1"}], ("v1",), True),
        ([{"vault_id": "v1"}, {"vault_id": {}}], ("v1",), False),
        ([{"vault_id": "v1"}, "v2"], ("v1",), False),
        ({"vault_id": "v1"}, (), False),
    ],
)
def test_a_policy_says_whether_all_its_vaults_could_be_read(
    vaults: object, ids: tuple[str, ...], are_known: bool
) -> None:
    answer = policies_cbr.decode_policy({"id": "p1", "associated_vaults": vaults})
    assert (answer.vault_ids, answer.vaults_known) == (ids, are_known)
    entry: dict[str, object] = {"id": "p1", "associated_vaults": []}
    entry["trigger"] = {"properties": {"pattern": 7}}
    assert policies_cbr.decode_policy(entry).vaults_known
