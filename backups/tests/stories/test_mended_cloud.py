"""A cloud failed, somebody mended it and pressed "Test connection": what waits for it goes on."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from backups.models import Backup, Cloud
from backups.refresh import list_sweep, single_gets, volume_list
from backups.refresh.dispatcher import needs
from backups.simulator import Fault, Simulator
from backups.tests.accounts import make_operator
from backups.tests.otc import cloud, lists, running, track, works

pytestmark = [pytest.mark.either, pytest.mark.django_db]
FOLLOW = {"vbs_follow": "all"}
LIST = "backups/detail"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def press(operator: Client) -> bool:
    """Presses "Test connection"; tells whether it passed."""
    answer = operator.post("/clouds/otc/test/")
    assert answer.status_code == 302
    passed: bool = operator.session["connection_tests"]["otc"]["ok"]
    return passed


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", path=LIST, status=500),
        Fault("status", path=LIST, status=502),
        Fault("status", path=LIST, status=503),
        Fault("status", path=LIST, status=503, retry_after=400),
        Fault("status", path=LIST, status=503, retry_after="date+400"),
        Fault("status", path=LIST, status=429),
        Fault("status", path=LIST, status=403),
        Fault("status", path=LIST, status=404),
        Fault("status", path=LIST, status=400),
        Fault("html", path=LIST),
        Fault("not_json", path=LIST),
        Fault("reset", path=LIST),
        Fault("refused_sign_in", path="tokens"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.retry_after}",
)
def test_a_walk_that_failed_is_made_by_the_next_dispatch(
    settings: Any, tmp_path: Path, operator: Client, clock: time_machine.Traveller, fault: Fault
) -> None:
    with running(settings, tmp_path, backups=8, entry=FOLLOW) as sim:
        sim.fault(fault)
        list_sweep.sweep("otc")
        sim.clear_faults()
        clock.shift(1)
        assert "sweep" not in works()
        assert press(operator)
        assert works() == ["sweep"]
        walks = lists(sim)
        assert list_sweep.sweep("otc") > 0
        assert lists(sim) == walks + 1
        assert (Backup.objects.count(), cloud().list_error, cloud().error) == (9, None, None)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=500),
        Fault("status", status=503, retry_after=400),
        Fault("status", status=429),
        Fault("html"),
        Fault("refused_sign_in", path="tokens"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.retry_after}",
)
def test_a_cloud_that_is_left_alone_is_asked_by_the_next_dispatch(
    settings: Any, tmp_path: Path, operator: Client, clock: time_machine.Traveller, fault: Fault
) -> None:
    with running(settings, tmp_path, backups=8, entry=FOLLOW) as sim:
        track(sim.ids)
        sim.fault(fault)
        single_gets.refresh_due("otc")
        sim.clear_faults()
        clock.shift(1)
        assert needs(timezone.now()) == []
        assert press(operator)
        assert works()[0] == "sweep"
        assert list_sweep.sweep("otc") > 0
        assert (cloud().failures, cloud().breaker_openings, cloud().paused_until) == (0, 0, None)


def test_an_allowance_that_is_used_up_is_not_refilled_by_a_test(
    settings: Any, tmp_path: Path, operator: Client, clock: time_machine.Traveller
) -> None:
    with running(settings, tmp_path, backups=8, entry=FOLLOW) as sim:
        sim.fault(Fault("status", path=LIST, status=429, retry_after=400))
        list_sweep.sweep("otc")
        sim.clear_faults()
        clock.shift(1)
        until = cloud().paused_until
        assert press(operator)
        assert (needs(timezone.now()), cloud().paused_until) == ([], until)
        clock.shift(400)
        assert works() == ["sweep"]


def test_a_test_that_fails_ends_no_pause(
    settings: Any, tmp_path: Path, operator: Client, clock: time_machine.Traveller
) -> None:
    with running(settings, tmp_path, backups=8, entry=FOLLOW) as sim:
        sim.fault(Fault("status", path=LIST, status=503))
        list_sweep.sweep("otc")
        before = Cloud.objects.values().get()
        assert before["failures"] == 1
        assert not press(operator)
        after = Cloud.objects.values().get()
        for column in ("failures", "paused_until", "list_error", "list_checked_at", "last_good_at"):
            assert (column, after[column]) == (column, before[column])


def test_the_list_of_disks_is_read_anew_too(
    settings: Any, tmp_path: Path, operator: Client
) -> None:
    with running(settings, tmp_path, backups=8) as sim:
        sim.fault(Fault("status", path="volumes/detail", status=403))
        volume_list.read_due("otc")
        sim.clear_faults()
        assert "list_disks" not in [need.work for need in needs(timezone.now())]
        assert press(operator)
        assert "list_disks" in [need.work for need in needs(timezone.now())]
        assert volume_list.read_due("otc") > 0
        assert cloud().volumes_error is None


def test_what_a_list_made_doubtful_stays_doubtful(
    settings: Any, tmp_path: Path, operator: Client, clock: time_machine.Traveller
) -> None:
    with running(settings, tmp_path, backups=30, entry=FOLLOW) as sim:
        list_sweep.sweep("otc")
        _forget_most(sim)
        clock.shift(timedelta(hours=7))
        list_sweep.sweep("otc")
        sentence = cloud().list_error
        assert sentence is not None
        assert "it is doubted" in sentence
        assert press(operator)
        assert works() == ["sweep"]
        list_sweep.sweep("otc")
        assert (cloud().list_error, cloud().walked_at) == (sentence, None)
        assert cloud().shrunk_since is not None


def _forget_most(sim: Simulator) -> None:
    for backup_id in sim.ids[3:]:
        sim.remove(backup_id)
