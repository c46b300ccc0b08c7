"""The hourly reading of a cloud of VBS as a whole, over HTTP."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from backups.models import Cloud, Policy, PolicyTask
from backups.refresh import policies
from backups.simulator import Simulator
from backups.simulator.faults import Fault
from backups.tests.otc import running

pytestmark = [pytest.mark.either, pytest.mark.django_db]
DISKS = [f"c0ffee00-1a2b-4c3d-8e4f-5a6b7c8d9e{n:02}" for n in range(20)]
MONTH = timedelta(days=30)


@pytest.fixture
def sim(settings: Any, tmp_path: Path) -> Iterator[Simulator]:
    with running(settings, tmp_path, api="vbs", entry={"vbs_api": "vbs"}) as sim:
        for disk in DISKS:
            sim.add_volume({"id": disk, "name": f"disk {disk[-2:]}", "size": 20})
        yield sim


def calls(sim: Simulator) -> int:
    return sum("backuptasks" in request.path for request in sim.requests)


def read_at() -> dict[str | None, bool]:
    rows = Policy.objects.values_list("name", "tasks_read_at")
    return {name: at is not None for name, at in rows}


def test_one_bad_policy_blocks_no_other_and_is_said(sim: Simulator) -> None:
    bad = sim.add_policy("bad", volumes=DISKS[:1], history=MONTH)
    sim.add_policy("good", volumes=DISKS[1:2], history=MONTH)
    sim.fault(Fault("status", status=404, path=f"{bad}/backuptasks"))
    assert policies.read("otc", timezone.now()) == 2
    assert read_at() == {"bad": False, "good": True}
    assert set(PolicyTask.objects.values_list("volume_id", flat=True)) == {DISKS[1]}
    assert "some policies" in (Cloud.objects.get().tasks_error or "")
    sim.clear_faults()
    policies.read("otc", timezone.now())
    assert read_at() == {"bad": True, "good": True}
    assert Cloud.objects.get().tasks_error is None


def test_a_list_that_breaks_off_is_kept_and_costs_little_later(sim: Simulator) -> None:
    policy_id = sim.add_policy("nightly", volumes=DISKS, history=MONTH)
    sim.fault(Fault("status", status=500, path=f"{policy_id}/backuptasks.*offset=300"))
    policies.read("otc", timezone.now())
    assert PolicyTask.objects.count() == 300
    # The last fifteen days of it: all that may tell of runs since it was first seen.
    assert (read_at(), Cloud.objects.get().tasks_error) == ({"nightly": True}, None)
    before = calls(sim)
    policies.read("otc", timezone.now() + timedelta(hours=1))
    assert calls(sim) - before <= 1
