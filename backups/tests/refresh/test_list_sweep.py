"""Lists against the simulator: what one page answers for, and what it must never say."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from backups.models import Backup, Body, Revision, Volume
from backups.refresh import list_sweep
from backups.simulator import Fault
from backups.tests.otc import VOLUME, cloud, lists, make_due, row, running, singles, track, works

pytestmark = pytest.mark.django_db


def test_one_page_answers_for_all_and_unchanged_ones_write_neither_body_nor_revision(
    settings: Any, tmp_path: Path, clock: time_machine.Traveller
) -> None:
    now = timezone.now()
    # Nothing moves on in this cloud.
    with running(settings, tmp_path, backups=60, clock=lambda: now) as sim:
        track(sim.ids)
        clock.shift(1)
        # Three of them were asked for singly, too, to compare.
        assert list_sweep.sweep("otc") == len(sim.ids)
        assert Backup.objects.filter(refreshed_at=None).count() == 0
        assert (singles(sim), lists(sim), cloud().list_lacks, cloud().listed) == (3, 1, [], 61)
        bodies, revisions = (
            set(Body.objects.values_list("pk", "received_at")),
            Revision.objects.count(),
        )
        assert list_sweep.sweep("otc") == len(sim.ids)
        assert (singles(sim), lists(sim)) == (3, 2)
        assert set(Body.objects.values_list("pk", "received_at")) == bodies
        assert (Revision.objects.count(), revisions) == (61, 61)
        settled = row(sim.seed_example_id)
        assert settled.stale_at == settled.refreshed_at + 2 * timedelta(hours=6)
        assert 0.79 < (settled.next_refresh_at - settled.refreshed_at) / timedelta(hours=6) < 1.21


@pytest.mark.once
@pytest.mark.parametrize("paging", ["marker", "offset"])
@pytest.mark.parametrize("rows", [1, -1])
def test_rows_that_shift_while_paging_are_neither_lost_nor_doubled(
    settings: Any, tmp_path: Path, paging: Any, rows: int
) -> None:
    now = timezone.now()
    # No other row may go.
    with running(settings, tmp_path, backups=1100, paging=paging, clock=lambda: now) as sim:
        track(sim.ids)
        sim.fault(Fault("shift", rows=rows, path="backups/detail"))
        list_sweep.sweep("otc")
        assert Backup.objects.filter(refreshed_at=None).count() == 0


def test_entries_that_lack_keys_are_noticed_and_erase_nothing(
    settings: Any, tmp_path: Path
) -> None:
    with running(settings, tmp_path, backups=40) as sim:
        track(sim.ids)
        list_sweep.sweep("otc")
        before = set(Backup.objects.values_list("pk", "chain_size_mb", "tenant_id"))
        sim.fault(Fault("list_lacks_keys"))
        make_due()
        assert list_sweep.sweep("otc") == 0
        assert set(Backup.objects.values_list("pk", "chain_size_mb", "tenant_id")) == before
        assert Backup.objects.exclude(unlisted_at=None).count() == 41  # to be asked for singly
        type(cloud()).objects.update(list_checked_at=timezone.now() - timedelta(days=2))
        list_sweep.sweep("otc")
        assert cloud().list_lacks == ["os-bak-tenant-attr:tenant_id", "service_metadata"]
        assert works() == ["refresh"]


def test_missing_in_a_list_is_not_gone_but_asked_for_singly(
    settings: Any, tmp_path: Path, clock: time_machine.Traveller
) -> None:
    with running(settings, tmp_path, backups=40) as sim:
        unlisted = {"id": str(uuid.UUID(int=7)), "status": "available", "volume_id": VOLUME}
        sim.add(unlisted, listed=False)
        track([*sim.ids, unlisted["id"]])
        clock.shift(1)
        list_sweep.sweep("otc")
        found = row(unlisted["id"])
        assert (found.tracking_state, found.missed_at, found.gone_at) == ("pending", None, None)
        assert found.unlisted_at is not None
        assert works() == ["refresh"]


@pytest.mark.parametrize("changed", [False, True], ids=["unchanged", "changed"])
def test_what_a_list_names_again_is_asked_for_singly_no_more(
    settings: Any, tmp_path: Path, clock: time_machine.Traveller, changed: bool
) -> None:
    now = timezone.now()
    with running(settings, tmp_path, backups=40, clock=lambda: now) as sim:
        track(sim.ids)
        list_sweep.sweep("otc")
        again = Backup.objects.filter(pk=sim.seed_example_id)
        again.update(unlisted_at=now, unchanged_polls=7)
        if changed:
            again.update(digest="")
        clock.shift(1)
        list_sweep.sweep("otc")
        assert again.get().unlisted_at is None
        assert again.get().unchanged_polls == (0 if changed else 8)


@pytest.mark.parametrize("kind", ["poison", "endless"])
def test_a_broken_entry_or_endless_pages_hide_no_neighbour(
    settings: Any, tmp_path: Path, kind: str
) -> None:
    with running(settings, tmp_path, backups=40) as sim:
        track(sim.ids)
        sim.fault(Fault(kind))
        list_sweep.sweep("otc")
        assert Backup.objects.filter(refreshed_at=None).count() == (1 if kind == "poison" else 0)
        assert lists(sim) <= 2
        assert (cloud().walked_at is None) == (kind == "endless")


def test_a_list_that_is_refused_leaves_the_work_to_single_gets(
    settings: Any, tmp_path: Path
) -> None:
    with running(settings, tmp_path, backups=40) as sim:
        track(sim.ids)
        sim.fault(Fault("status", status=403, path="/backups/detail"))
        assert works() == ["sweep"]
        assert list_sweep.sweep("otc") == 0
        assert (cloud().list_error, cloud().error) != (None, None)
        assert works() == ["refresh"]


def test_a_disk_is_followed_by_its_own_switch(settings: Any, tmp_path: Path) -> None:
    with running(settings, tmp_path) as sim:
        made = sim.create(VOLUME, seconds=60)
        sim.create(str(uuid.UUID(int=9)), seconds=60)
        Volume.objects.create(
            cloud_id="otc", volume_id=VOLUME, follow=True, first_seen_at=timezone.now()
        )
        assert works()[0] == "sweep"
        list_sweep.sweep("otc")
        assert [str(pk) for pk in Backup.objects.values_list("pk", flat=True)] == [made]
        assert row(made).status == "creating"
        later = sim.create(VOLUME, seconds=60)
        list_sweep.look_for_new("otc")
        assert {str(pk) for pk in Backup.objects.values_list("pk", flat=True)} == {made, later}


def test_a_disk_that_is_switched_off_is_not_followed_where_all_are(
    settings: Any, tmp_path: Path
) -> None:
    with running(settings, tmp_path, entry={"vbs_follow": "all"}) as sim:
        sim.create(VOLUME, seconds=60)
        Volume.objects.create(
            cloud_id="otc", volume_id=VOLUME, follow=False, first_seen_at=timezone.now()
        )
        list_sweep.sweep("otc")
        assert [str(pk) for pk in Backup.objects.values_list("pk", flat=True)] == [
            sim.seed_example_id
        ]


def test_a_look_for_new_backups_reads_on_while_the_entries_are_new(
    settings: Any, tmp_path: Path, clock: time_machine.Traveller
) -> None:
    follow_all = {"vbs_follow": "all"}
    with running(settings, tmp_path, backups=300, entry=follow_all) as sim:
        list_sweep.sweep("otc")
        walked = lists(sim)
        list_sweep.look_for_new("otc")
        assert lists(sim) == walked + 1  # the first page of a hundred: nothing is new
        clock.shift(timedelta(hours=2))
        made = {sim.create(VOLUME, seconds=60) for _ in range(150)}
        list_sweep.look_for_new("otc")
        assert lists(sim) == walked + 1 + 2  # and no third page
        tracked = {str(pk) for pk in Backup.objects.values_list("pk", flat=True)}
        assert made <= tracked


def test_stock_cinder_is_swept_too(settings: Any, tmp_path: Path) -> None:
    with running(settings, tmp_path, backups=40, flavor="cinder") as sim:
        track(sim.ids)
        list_sweep.sweep("otc")
        assert Backup.objects.filter(refreshed_at=None).count() == 0
        assert (cloud().catalog_type, cloud().seen_vbs, cloud().list_lacks) == (
            "volumev3",
            False,
            [],
        )
        assert {
            call.headers.get("openstack-api-version")
            for call in sim.requests
            if call.method == "GET"
        } == {"volume 3.64"}
