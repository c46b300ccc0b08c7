"""The demo shows every state that there is a word for, by the same ways as a real cloud."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from backups.alarms import evaluate
from backups.analysis.protection import PROTECTIONS
from backups.derived.volumes import derive
from backups.edits import demo
from backups.models import Backup, Cloud
from backups.query.alarms import STAGES
from backups.refresh.dispatcher import DO, needs
from backups.runner.parts import DEMO_BACKUPS
from backups.tests.accounts import make_operator
from backups.tests.otc import running

pytestmark = [pytest.mark.either, pytest.mark.django_db]


@pytest.fixture
def told(
    settings: Any, tmp_path: Any, client: Client, clock: time_machine.Traveller
) -> Iterator[Client]:
    """A script that is signed in, after workers have done for the demo cloud what there
    is to do, twice.
    """
    with running(settings, tmp_path, backups=DEMO_BACKUPS, entry={"vbs_follow": "all"}):
        for _ in range(2):  # what the first list of disks does not name is gone by the second
            Cloud.objects.update(volumes_due_at=None)
            for _ in range(8):
                for need in needs(timezone.now()):
                    DO[need.work](need.cloud)
                    clock.shift(timedelta(seconds=1))
        assert demo.furnish(timezone.now())
        client.force_login(make_operator("operator"))
        yield client


def test_every_state_is_met(told: Client) -> None:
    volumes = told.get("/api/volumes/?limit=500").json()["results"]
    chains = [chain for volume in volumes for chain in volume["chains"]]
    members = [member for chain in chains for member in chain["members"]]
    assert {volume["protection"] for volume in volumes} == set(PROTECTIONS)
    assert [volume["volume_id"] for volume in volumes if not volume["why"].strip()] == []
    assert {"start not tracked"} <= {note for chain in chains for note in chain["notes"]}
    assert {chain["service_type"] for chain in chains} == {"disk", "vm", "disk_copy", "vm_copy"}
    assert {"pruned: the chain was larger before", "failed: it stores nothing"} <= {
        one["note"] for one in members
    }
    assert {one["made_by"] for one in members} == {"policy", "hand", "csbs"}
    assert [volume["name"] for volume in volumes if volume["running_id"]]
    assert {volume["rule"]["from"] for volume in volumes} == {"tag", "default"}
    grown = [
        told.get(f"/api/volumes/{one['cloud']}/{one['volume_id']}/").json()["growth"]
        for one in volumes
    ]
    assert any(one["jump"] for one in grown)
    assert any("Not enough data" in one["sentence"] for one in grown)
    assert any(limit["days"] is not None for one in grown for limit in one["limits"])


def test_the_home_page_and_the_failures_tell_them(told: Client) -> None:
    found = told.get("/api/summary/").json()
    assert {item["state"] for item in found["attention"]} >= {
        *("overdue", "never", "unknown", "error", "error_restoring", "stuck", "error_deleting"),
    }
    assert [item for item in found["attention"] if not item["why"] or not item["next"]] == []
    assert {"exempt", "deleted"} <= set(found["volumes"]["by_protection"])
    causes = told.get("/api/failures/").json()
    assert {cause["state"] for cause in causes} == {
        "error",
        "error_deleting",
        "error_restoring",
        "",
    }
    assert [cause for cause in causes if not cause["advice"]] == []
    assert found["growth"]["limits"]
    assert any(day["missed"] for day in found["outcomes_by_day"])
    slow = [
        one
        for one in found["running_backups"]
        if one["since"] and one["stuck_at"] and one["progress"]
    ]
    assert slow


def test_a_member_that_the_cloud_no_longer_has_is_a_note_and_the_disk_stays_safe(
    told: Client,
) -> None:
    safe = told.get("/api/volumes/?protection=protected&limit=500").json()["results"]
    volume = max(safe, key=lambda one: one["tracked"])
    chain = max(volume["chains"], key=lambda one: len(one["members"]))
    middle = chain["members"][len(chain["members"]) // 2]["id"]
    Backup.objects.filter(pk=middle).update(gone_at=timezone.now() - timedelta(seconds=1))
    derive(volume["cloud"], [volume["volume_id"]], timezone.now())
    again = told.get(f"/api/volumes/{volume['cloud']}/{volume['volume_id']}/").json()
    assert again["protection"] == "protected"
    assert "1 of its backups is gone" in {note for one in again["chains"] for note in one["notes"]}


def test_what_somebody_set_is_left_alone_and_alarms_are_met_in_every_stage(
    told: Client, clock: time_machine.Traveller
) -> None:
    assert not demo.furnish(timezone.now())
    assert not demo.furnish_alarms(timezone.now())
    evaluate.evaluate(timezone.now())
    assert demo.furnish_alarms(timezone.now())
    clock.shift(timedelta(minutes=1))
    evaluate.evaluate(timezone.now())
    assert not demo.furnish_alarms(timezone.now())
    alarms = told.get("/api/alarms/").json()["results"]
    assert {alarm["stage"] for alarm in alarms} == set(STAGES)
    silences = told.get("/api/silences/").json()["results"]
    assert {silence["state"] for silence in silences} == {"holds", "planned"}
