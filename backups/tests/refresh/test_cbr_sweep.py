"""A cloud of CBR as a whole: sweeps, backups of servers, and what is asked how often."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from backups.clouds import registry
from backups.models import Backup, Cloud, Volume
from backups.refresh import list_sweep, single_gets
from backups.simulator import Simulator
from backups.tests.otc import make_due, running
from backups.vbs.policies import TaskState

pytestmark = [pytest.mark.either, pytest.mark.django_db]
DISK = "c0ffee00-1a2b-4c3d-8e4f-5a6b7c8d9e01"
SERVER = "b0b1c2d3-0000-4000-8000-000000000001"
DISKS = ["c0ffee00-1a2b-4c3d-8e4f-5a6b7c8d9e02", "c0ffee00-1a2b-4c3d-8e4f-5a6b7c8d9e03"]


@pytest.fixture
def sim(settings: Any, tmp_path: Path) -> Iterator[Simulator]:
    entry = {"vbs_api": "cbr", "vbs_follow": "all"}
    with running(settings, tmp_path, api="cbr", entry=entry) as sim:
        for disk in (DISK, *DISKS):
            sim.add_volume({"id": disk, "name": f"disk {disk[-1]}", "size": 20})
        policy_id = sim.add_policy("nightly", api="cbr", keep=3)
        sim.add_vault("vault", policy_id=policy_id, volumes=[DISK], servers={SERVER: DISKS})
        sim.create_server_backup(SERVER, DISKS, seconds=0)
        yield sim


def asked(sim: Simulator, part: str) -> int:
    return sum(part in request.path for request in sim.requests)


def test_a_sweep_tracks_servers_and_asks_for_their_disks_singly(sim: Simulator) -> None:
    list_sweep.sweep("otc")
    single_gets.refresh_due("otc")
    cloud = Cloud.objects.get(pk="otc")
    assert (cloud.list_error, cloud.catalog_type, cloud.type_interpretation) == (None, "cbr", "cbr")
    servers = Backup.objects.filter(vm_id=SERVER)
    assert servers.exists()
    assert not servers.filter(unlisted_at=None).exists()
    children = Backup.objects.filter(parent_id__in=[str(row.pk) for row in servers])
    assert {child.volume_id for child in children} == set(DISKS)
    assert not children.filter(next_refresh_at__isnull=False).exists()
    assert not Backup.objects.filter(refreshed_at=None).exists()
    protected = Volume.objects.filter(last_good_id__isnull=False)
    assert set(DISKS) <= set(protected.values_list("volume_id", flat=True))
    before = children.count()
    singles = asked(sim, "/backups/")
    make_due()
    Backup.objects.filter(parent_id__isnull=False).update(next_refresh_at=None)
    list_sweep.sweep("otc")
    single_gets.refresh_due("otc", singly=True)
    assert children.count() == before
    assert not children.filter(next_refresh_at__isnull=False).exists()
    assert asked(sim, "/backups/") - singles == servers.count()


def test_policies_vaults_and_tasks_come_through_the_client(sim: Simulator) -> None:
    client = registry.client("otc")
    reading = client.read_policies()
    assert reading.is_whole
    assert [policy.name for policy in reading.policies] == ["nightly"]
    vaults = reading.vaults or ()
    assert {resource.id for vault in vaults for resource in vault.resources} == {DISK, SERVER}
    since = timezone.now() - timedelta(days=1)
    tasks = client.read_tasks(None, since).tasks
    assert {task.state for task in tasks} <= set(TaskState) - {TaskState.UNKNOWN}
