"""What clouds promise, by the JSON API: policies, their runs, and what is promised for a disk."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from backups.clouds import registry
from backups.models import Cloud, Policy, PolicyMember, Role, Run, Volume
from backups.query.policies import POLICY_FIELDS
from backups.tests.accounts import make_account
from backups.tests.otc import configure, silent
from backups.tests.policy_rows import NIGHT, NIGHTLY, disk_row, members, policy, run, vault

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
KEYS = {
    "cloud": str,
    "policy_id": str,
    "schedule": dict,
    "retention": dict,
    "members": dict,
    "vaults": list,
    "runs_30_days": dict,
    "problems": list,
}


@pytest.fixture(autouse=True)
def estate(client: Client, settings: Any, tmp_path: Path) -> None:
    """A nightly policy with two disks, of which the last night made one; a weekly one of another
    cloud that is off and cannot be read.
    """
    configure(settings, tmp_path, silent("otc", "eu", vbs_follow="all"))
    registry.ensure_rows()
    now = timezone.now()
    Cloud.objects.update(policies_read_at=now, last_good_at=now)
    nightly = policy(1, name="nightly")
    members(nightly, ["disk-1", "disk-2"])
    run(nightly, "disk-1", NIGHT, "made")
    run(nightly, "disk-2", NIGHT, "skipped", reason="VBS.1 busy")
    run(nightly, "disk-1", NIGHT - DAY, "late", late_seconds=4000)
    weekly = policy(
        2, cloud="eu", api="cbr", name=None, enabled=False, schedule={"calendar": "moon"}
    )
    vault(1, [weekly])
    members(weekly, ["disk-3"], source="vault")
    client.force_login(make_account("viewer", role=Role.VIEWER))


def get(client: Client, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_policy_tells_what_it_promises_and_what_came_of_it(client: Client) -> None:
    weekly, nightly = sorted(
        get(client, "/api/policies/")["results"], key=lambda one: str(one["cloud"])
    )
    for one in (weekly, nightly):
        assert tuple(one) == POLICY_FIELDS
        for key, kind in KEYS.items():
            assert isinstance(one[key], kind), key
    assert nightly["schedule"] == {
        "text": "daily at 22:00 UTC",
        "next_run_at": "2026-11-25T22:00:00Z",
        "why_no_run": None,
        "is_reckoned": False,
        "readable": True,
        "problem": None,
    }
    assert (nightly["retention"]["count"], nightly["retention"]["days"]) == (7, None)
    assert nightly["retention"]["text"] == "The newest 7 backups are kept."
    assert nightly["members"] == {
        "known_from": "observed",
        "count": 2,
        "claimed": None,
        "volume_ids": ["disk-1", "disk-2"],
    }
    assert nightly["newest_run"] == {
        "slot_at": "2026-11-24T22:00:00Z",
        "outcomes": {"skipped": 1, "made": 1},
    }
    assert nightly["runs_30_days"] == {"skipped": 1, "late": 1, "made": 1}
    assert (weekly["enabled"], weekly["newest_run"], weekly["runs_30_days"]) == (False, None, {})
    assert weekly["schedule"]["readable"] is False
    assert weekly["schedule"]["next_run_at"] is None
    assert weekly["schedule"]["problem"].endswith(".")
    assert weekly["members"]["known_from"] == "exact"
    assert weekly["vaults"] == [{"vault_id": "vault-1", "name": "vault 1"}]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("cloud=otc", ["policy-1"]),
        ("enabled=false", ["policy-2"]),
        ("enabled=true&cloud=eu", []),
        ("name=nightly", ["policy-1"]),
        ("name=null", ["policy-2"]),
        ("name=nightly&name=null", ["policy-1", "policy-2"]),
        ("api=cbr", ["policy-2"]),
        ("q=NIGHT", ["policy-1"]),
        ("ordering=-policy_id", ["policy-2", "policy-1"]),
    ],
)
def test_policies_are_filtered_by_their_words(client: Client, query: str, ids: list[str]) -> None:
    found = get(client, f"/api/policies/?{query}")["results"]
    assert [one["policy_id"] for one in found] == ids


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("enabled=yes", "enabled"),
        ("colour=red", "colour"),
        ("tag=x", "tag"),
        ("fields=colour", "fields"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
        ("ordering=next_run_at", "ordering"),
    ],
)
def test_what_cannot_be_asked_of_policies_is_named(client: Client, query: str, key: str) -> None:
    assert set(get(client, f"/api/policies/?{query}", 400)["errors"]) == {key}


def test_policies_come_in_pages_and_with_the_words_that_are_asked_for(client: Client) -> None:
    page = get(client, "/api/policies/?limit=1&ordering=policy_id&fields=policy_id")
    assert page["results"] == [{"policy_id": "policy-1"}]
    rest = client.get(page["next"]).json()
    assert (rest["results"], rest["next"]) == ([{"policy_id": "policy-2"}], None)


def test_one_policy_tells_each_night(client: Client) -> None:
    one = get(client, "/api/policies/otc/policy-1/")
    assert [slot["slot_at"] for slot in one["slots"]] == [
        "2026-11-24T22:00:00Z",
        "2026-11-23T22:00:00Z",
    ]
    [skipped] = one["slots"][0]["not_made"]
    assert (skipped["volume_id"], skipped["outcome"], skipped["reason"]) == (
        "disk-2",
        "skipped",
        "VBS.1 busy",
    )
    assert one["slots"][0]["not_named"] == 0
    assert one["revisions"][0]["since"] == "2026-10-15T12:00:00Z"
    get(client, "/api/policies/otc/none/", 404)
    get(client, "/api/policies/eu/policy-1/", 404)
    get(client, "/api/policies/otc/policy-1/?x=1", 400)


def test_many_disks_of_a_policy_are_counted_and_the_first_are_named(client: Client) -> None:
    nightly = Policy.objects.get(policy_id="policy-1")
    at = {"since": nightly.first_seen_at, "seen_at": nightly.seen_at, "source": "task"}
    PolicyMember.objects.bulk_create(
        PolicyMember(policy=nightly, volume_id=f"more-{number:03}", **at) for number in range(150)
    )
    [one] = get(client, "/api/policies/?cloud=otc")["results"]
    assert (one["members"]["count"], len(one["members"]["volume_ids"])) == (152, 100)


def test_whoever_may_see_one_cloud_learns_of_its_policies_alone(client: Client) -> None:
    client.force_login(make_account("one", role=Role.VIEWER, clouds=["otc"]))
    found = get(client, "/api/policies/")["results"]
    assert [one["cloud"] for one in found] == ["otc"]
    get(client, "/api/policies/eu/policy-2/", 404)
    assert len(read(client.get("/api/policies.csv"))) == 1


def read(answer: Any) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_policies_are_a_table_too(client: Client) -> None:
    rows = read(client.get("/api/policies.csv?ordering=policy_id"))
    assert tuple(rows[0]) == POLICY_FIELDS
    assert [row["policy_id"] for row in rows] == ["policy-1", "policy-2"]
    assert json.loads(rows[0]["runs_30_days"]) == {"skipped": 1, "late": 1, "made": 1}
    assert (rows[1]["name"], rows[1]["enabled"]) == ("", "false")
    Policy.objects.filter(policy_id="policy-1").update(name="=1+1")
    [row] = read(client.get("/api/policies.csv?name=%3D1%2B1&fields=name"))
    assert row == {"name": "'=1+1"}


@pytest.mark.parametrize("path", ["/api/policies/", "/api/policies/otc/policy-1/"])
def test_an_answer_is_another_one_once_the_next_run_is_due(client: Client, path: str) -> None:
    Policy.objects.filter(policy_id="policy-1").update(schedule={**NIGHTLY, "hours": ["14:37"]})
    with time_machine.travel("2026-11-25T14:36:00Z", tick=False):
        tag = client.get(path)["ETag"]
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    with time_machine.travel("2026-11-25T14:37:30Z", tick=False):
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_an_answer_of_disks_is_another_one_once_a_run_is_to_be_judged(client: Client) -> None:
    with time_machine.travel("2026-11-25T14:36:00Z", tick=False):
        due = timezone.now() + timedelta(seconds=60)
        Volume.objects.filter(volume_id="disk-1").update(runs_judge_at=due)
        tag = client.get("/api/volumes/")["ETag"]
        assert client.get("/api/volumes/", headers={"If-None-Match": tag}).status_code == 304
    with time_machine.travel("2026-11-25T14:37:30Z", tick=False):
        assert client.get("/api/volumes/", headers={"If-None-Match": tag}).status_code == 200


def test_a_disk_tells_what_is_promised_for_it(client: Client) -> None:
    disk_row("disk-3", cloud="eu", vault=vault(9, ()), vault_mb=77, schedule_read="off")
    disks = {one["volume_id"]: one for one in get(client, "/api/volumes/")["results"]}
    words = ("schedule", "policy_id", "policy_name", "next_run_at", "last_run_outcome")
    assert [disks["disk-2"][word] for word in words] == [
        "scheduled",
        "policy-1",
        "nightly",
        "2026-11-25T22:00:00Z",
        "skipped",
    ]
    assert [disks["disk-3"][word] for word in words] == ["off", "policy-2", None, None, None]
    assert (disks["disk-3"]["vault_id"], disks["disk-3"]["vault_mb"]) == ("vault-9", 77)
    assert "runs" not in disks["disk-2"]
    one = get(client, "/api/volumes/otc/disk-2/")
    assert {word: one[word] for word in words} == {word: disks["disk-2"][word] for word in words}
    [skipped] = one["runs"]
    assert skipped == {
        "slot_at": "2026-11-24T22:00:00Z",
        "outcome": "skipped",
        "late_seconds": None,
        "duration_seconds": None,
        "backup_id": None,
        "reason": "VBS.1 busy",
        "policy_id": "policy-1",
    }
    rows = read(client.get("/api/volumes.csv?schedule=scheduled&ordering=volume_id"))
    assert [row["policy_name"] for row in rows] == ["nightly", "nightly"]
    assert rows[0]["next_run_at"] == "2026-11-25T22:00:00Z"


def test_nothing_is_promised_that_was_not_read_lately(client: Client) -> None:
    Cloud.objects.update(policies_read_at=timezone.now() - timedelta(hours=4))
    [one] = get(client, "/api/volumes/?volume_id=disk-1")["results"]
    assert (one["schedule"], one["next_run_at"], one["policy_id"]) == ("unknown", None, "policy-1")


def test_a_policy_of_a_cloud_that_is_not_open_is_not_named(client: Client) -> None:
    other = Policy.objects.get(policy_id="policy-2")
    Volume.objects.filter(volume_id="disk-1").update(policy=other, vault=vault(5, ()))
    client.force_login(make_account("one", role=Role.VIEWER, clouds=["otc"]))
    [one] = get(client, "/api/volumes/?volume_id=disk-1")["results"]
    assert [one[word] for word in ("policy_id", "policy_name", "vault_id")] == [None, None, None]


def test_a_disk_that_two_services_show_is_listed_once(client: Client) -> None:
    disk_row("disk-1", cloud="eu", counted_under="otc")
    found = get(client, "/api/volumes/?volume_id=disk-1")["results"]
    assert [one["cloud"] for one in found] == ["otc"]
    # By its key it is there, and for whom the other one is not open it is the only one.
    assert get(client, "/api/volumes/eu/disk-1/")["cloud"] == "eu"
    client.force_login(make_account("one", role=Role.VIEWER, clouds=["eu"]))
    found = get(client, "/api/volumes/?volume_id=disk-1")["results"]
    assert [one["cloud"] for one in found] == ["eu"]
    assert len(read(client.get("/api/volumes.csv?volume_id=disk-1"))) == 1


def test_the_summary_tells_the_last_night_and_what_is_coming(client: Client) -> None:
    told = get(client, "/api/summary/")
    assert told["schedules"] == {"scheduled": 3, "off": 0, "none": 0, "unknown": 0}
    assert told["runs"]["by_outcome"] == {"skipped": 1, "made": 1}
    assert {event["kind"] for event in told["coming"]} >= {"policy_off"}
    assert all(event["sum"] and event["advice"] for event in told["coming"])


def test_clouds_tell_how_their_policies_were_read(client: Client) -> None:
    Cloud.objects.filter(pk="eu").update(
        service_ended_at=timezone.now(),
        policies_error="Not allowed to read policies.",
        tasks_error="Not allowed to read tasks.",
    )
    eu, otc = get(client, "/api/clouds/")
    assert (otc["policies_error"], otc["service_ended_at"]) == (None, None)
    assert eu["service_ended_at"] == otc["policies_read_at"] == "2026-11-25T14:30:00Z"
    assert eu["policies_error"] == "Not allowed to read policies."
    assert (otc["tasks_error"], eu["tasks_error"]) == (None, "Not allowed to read tasks.")


def test_without_two_services_of_a_project_nobody_moves(client: Client) -> None:
    assert get(client, "/api/migration/") == []
    assert not Run.objects.filter(outcome="pending").exists()
