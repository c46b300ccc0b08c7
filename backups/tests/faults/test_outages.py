"""A cloud that is away for an hour, and clocks that are wrong."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from backups.models import Backup
from backups.simulator import Fault
from backups.tests.faults.rounds import Rounds, rounds

pytestmark = [pytest.mark.either, pytest.mark.django_db(transaction=True)]
BACKUPS = 20


@pytest.fixture
def house(settings: Any, tmp_path: Path, clock: time_machine.Traveller) -> Iterator[Rounds]:
    with rounds(settings, tmp_path, clock, backups=BACKUPS) as running:
        running.recovers()
        yield running


@pytest.mark.parametrize("fault", [Fault("status", status=503), Fault("reset", path="")])
def test_a_cloud_away_for_an_hour_comes_back_without_a_storm(house: Rounds, fault: Fault) -> None:
    house.sim.fault(fault)
    house.sim.forget_requests()
    house.round(every=30, times=120)
    assert house.states() == ["stale"]
    assert house.sim.request_count < 240  # a probe now and then, not 20 backups every 30 s
    house.sim.clear_faults()
    house.sim.forget_requests()
    house.recovers()
    assert house.sim.request_count <= 2 * BACKUPS  # each once or twice, after a probe


def test_an_hour_of_sleep_makes_everything_stale_and_one_look_fresh(house: Rounds) -> None:
    house.travel(hours=1)
    assert house.states() == ["stale"]
    house.recovers()


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_cloud_whose_clock_is_wrong_is_no_matter(house: Rounds, minutes: int) -> None:
    house.sim.now = lambda: timezone.now() + timedelta(minutes=minutes)
    house.sim.fault(Fault("expired_token"))
    house.recovers()


def test_a_clock_set_back_by_ten_minutes_leaves_nothing_fresh_from_the_future(
    house: Rounds,
) -> None:
    house.travel(minutes=-10)
    house.recovers()
    assert not Backup.objects.filter(
        refreshed_at__gt=timezone.now() + timedelta(minutes=1)
    ).exists()
