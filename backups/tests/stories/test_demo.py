"""The demo shows every state that there is a word for, by the same ways as a real cloud."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from backups.alarms import evaluate
from backups.analysis.protection import PROTECTIONS
from backups.derived import queue
from backups.derived.volumes import derive
from backups.edits import demo
from backups.models import Backup, Cloud, Policy, Run, Volume
from backups.query.alarms import STAGES
from backups.refresh import services
from backups.refresh.dispatcher import DO, needs
from backups.reports.policies import NOT_MADE
from backups.runner.parts import DEMO_BACKUPS
from backups.simulator.plan import ON_THE_MOVE
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
    with running(settings, tmp_path, backups=DEMO_BACKUPS, api="both", entry={"vbs_follow": "all"}):
        for _ in range(2):  # what the first list of disks does not name is gone by the second
            Cloud.objects.update(volumes_due_at=None, policies_due_at=None)
            for _ in range(8):
                services.ensure(timezone.now())
                for need in needs(timezone.now()):
                    DO[need.work](need.cloud)
                    clock.shift(timedelta(seconds=1))
        assert demo.furnish(timezone.now())
        assert demo.furnish_history(timezone.now())
        for name in ("otc", "otc-cbr"):
            queue.derive_due(name, timezone.now())
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
    assert {volume["rule"]["from"] for volume in volumes} == {"tag", "policy", "default"}
    grown = [
        told.get(f"/api/volumes/{one['cloud']}/{one['volume_id']}/").json()["growth"]
        for one in volumes
    ]
    assert any(one["jump"] for one in grown)
    assert any("Not enough data" in one["sentence"] for one in grown)
    assert any(limit["days"] is not None for one in grown for limit in one["limits"])


def test_what_is_promised_and_what_became_of_it_is_met(told: Client) -> None:
    now = timezone.now()
    volumes = Volume.objects.counted().filter(deleted_at=None).with_schedule(now)
    names = {str(row.name): row.schedule for row in volumes}  # type: ignore[attr-defined]
    assert set(names.values()) == {"scheduled", "off", "none", "unknown"}
    assert {name for name, word in names.items() if word == "off"} == {"shop-lab-01-data"}
    assert {"tmp-build-99", "jump-host-root"} <= {n for n, word in names.items() if word == "none"}
    last_night = Run.objects.filter(
        volume__in=volumes, outcome="skipped", slot_at__gt=now - timedelta(days=1)
    )
    assert last_night.count() == 1
    outcomes = set(Run.objects.values_list("outcome", flat=True))
    assert outcomes >= {"made", "late", "skipped", "timed_out", "failed", "never_started"}
    assert set(volumes.values_list("policy__api", flat=True)) == {"vbs", "cbr", None}
    on_the_move = volumes.filter(name__in=ON_THE_MOVE)
    assert {row.also_under for row in on_the_move} == {"otc-cbr"}
    assert {row.last_run_outcome for row in on_the_move} == {"made"}


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


def test_a_run_that_was_not_made_leads_to_its_disk_in_either_service(told: Client) -> None:
    """Clouds, policy, disk: the disk's page and the API tell the run too."""
    met: set[str] = set()
    for policy in Policy.objects.filter(runs__outcome__in=NOT_MADE).distinct():
        page = told.get(f"/policies/{policy.cloud_id}/{policy.policy_id}/")
        links = set(re.findall(r'href="/volumes/([^/"]+)/([^/"]+)/"', page.content.decode()))
        detail = told.get(f"/api/policies/{policy.cloud_id}/{policy.policy_id}/").json()
        for slot in detail["slots"]:
            for run in slot["not_made"]:
                [cloud] = {cloud for cloud, of in links if of == run["volume_id"]} or {None}
                if cloud is None:  # a page names the first ones alone
                    continue
                answer = told.get(f"/api/volumes/{cloud}/{run['volume_id']}/").json()
                row = Volume.objects.get(cloud=cloud, volume_id=run["volume_id"])
                assert row.counted_under is None
                known = {(one["slot_at"], one["outcome"]) for one in answer["runs"]}
                assert (slot["slot_at"], run["outcome"]) in known
                met.add(policy.api)
    assert met == {"vbs", "cbr"}
