"""Pauses and the breaker, as a pure state and against the simulator."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import time_machine
from django.utils import timezone

from backups.clouds import circuit_breaker, permission
from backups.clouds.circuit_breaker import Health, after, state
from backups.edits import tracking
from backups.models import Backup, Cloud
from backups.refresh import single_gets
from backups.refresh.dispatcher import DO, Work, needs
from backups.simulator import Fault
from backups.tests.otc import (
    cloud,
    configure,
    make_due,
    row,
    running,
    sign_ins,
    singles,
    track,
    works,
)
from backups.vbs.errors import OutOfBudget, Rejected, Unavailable, VBSError

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DOWN: list[VBSError | None] = [Unavailable("down")] * circuit_breaker.THRESHOLD


def test_pauses_grow_up_to_a_minute_and_a_good_answer_ends_them() -> None:
    health, pauses = Health(), []
    for _ in range(6):
        health = after(health, DOWN, NOW)
        pauses.append((health.paused_until or NOW) - NOW)
    assert [pause.total_seconds() for pause in pauses] == [5, 10, 20, 40, 60, 60]
    assert (state(health, NOW), state(health, NOW + timedelta(seconds=61))) == ("open", "half_open")
    assert after(health, [None], NOW) == Health()


def test_answers_about_one_backup_and_our_own_budget_are_no_faults_of_the_cloud() -> None:
    assert after(Health(), [Rejected("no")] * 9, NOW) == Health()
    assert after(Health(), [OutOfBudget("ours")] * 9, NOW) == Health()


@pytest.mark.parametrize(("seconds", "pause"), [(7.0, 7), (0.0, 1), (86_400.0, 540)])
def test_retry_after_is_obeyed_but_never_for_ten_minutes(seconds: float, pause: int) -> None:
    health = after(
        Health(), [None, Unavailable("wait", http_status=429, retry_after=seconds), None], NOW
    )
    assert (health.paused_until, health.reason) == (NOW + timedelta(seconds=pause), "retry_after")
    assert after(health, [None], NOW) == health  # an answer to a question of before the pause


@pytest.mark.django_db
@pytest.mark.parametrize("retry_after", [30, "date+30"])
def test_a_throttled_cloud_is_left_alone_as_long_as_it_says(
    settings: Any, tmp_path: Path, retry_after: int | str
) -> None:
    with running(settings, tmp_path, backups=5) as sim:
        track(sim.ids)
        sim.fault(Fault("status", status=429, retry_after=retry_after))
        single_gets.refresh_due("otc")
        assert cloud().paused_until == timezone.now() + timedelta(seconds=30)
        asked = sim.request_count
        make_due()
        assert (single_gets.refresh_due("otc"), needs(timezone.now()), sim.request_count) == (
            0,
            [],
            asked,
        )


@pytest.mark.django_db
def test_a_cloud_that_is_down_is_probed_once_at_a_time_and_one_answer_brings_it_back(
    settings: Any, tmp_path: Path
) -> None:
    with running(settings, tmp_path, backups=30) as sim:
        track(sim.ids)
        sim.fault(Fault("status", status=500))
        single_gets.refresh_due("otc")
        assert circuit_breaker.state(clouds_health(), timezone.now()) == "open"
        assert Backup.objects.filter(claimed_until__isnull=False).count() == 0
        Cloud.objects.update(paused_until=timezone.now())
        asked = singles(sim)
        assert (single_gets.refresh_due("otc"), singles(sim)) == (0, asked + 1)
        assert cloud().breaker_openings == 2
        sim.clear_faults()
        Cloud.objects.update(paused_until=timezone.now())
        assert single_gets.refresh_due("otc") == 1
        assert circuit_breaker.state(clouds_health(), timezone.now()) == "closed"
        assert cloud().error is None


def clouds_health() -> Health:
    return Health(
        cloud().failures, cloud().breaker_openings, cloud().paused_until, cloud().pause_reason
    )


@pytest.mark.django_db
def test_poisoned_backups_do_not_hide_a_good_cloud(settings: Any, tmp_path: Path) -> None:
    with running(settings, tmp_path) as sim:
        poisoned = [str(uuid.UUID(int=n)) for n in range(1, 8)]
        sim.fault(Fault("status", status=500, path="00000000-0000-0000-0000-"))
        track(poisoned)
        single_gets.refresh_due("otc")
        track([sim.seed_example_id])
        for _ in range(len(poisoned)):
            Cloud.objects.update(paused_until=timezone.now())
            single_gets.refresh_due("otc")
        assert (row(sim.seed_example_id).status, cloud().error, cloud().failures) == (
            "error",
            None,
            0,
        )


@pytest.mark.django_db
@pytest.mark.parametrize("auth", ["password", "aksk"])
def test_a_refused_sign_in_is_tried_once_until_a_person_asks(
    settings: Any, tmp_path: Path, auth: str
) -> None:
    with running(settings, tmp_path, auth=auth, backups=10) as sim:
        track(sim.ids)
        sim.fault(Fault("refused_sign_in") if auth == "password" else Fault("status", status=401))
        for _ in range(3):
            single_gets.refresh_due("otc")
            make_due()
        tried = sign_ins(sim) if auth == "password" else sim.request_count
        assert (tried, needs(timezone.now())) == (1, [])
        tracking.refresh_now(sim.ids, timezone.now())
        sim.clear_faults()
        assert single_gets.refresh_due("otc") == len(sim.ids)
        assert (cloud().refused_at, cloud().error) == (None, None)


@pytest.mark.django_db
def test_a_dead_token_costs_one_sign_in_over_all_threads_and_loses_no_answer(
    settings: Any, tmp_path: Path
) -> None:
    with running(settings, tmp_path, backups=40) as sim:
        track(sim.ids)
        single_gets.refresh_due("otc")
        sim.fault(Fault("expired_token"))
        make_due()
        before = sign_ins(sim)
        assert single_gets.refresh_due("otc") == len(sim.ids)
        assert (sign_ins(sim) - before, cloud().failures, sim.max_in_flight_per_backup) == (1, 0, 1)


@pytest.mark.django_db
def test_a_cloud_in_which_nothing_is_due_is_asked_something(settings: Any, tmp_path: Path) -> None:
    with running(settings, tmp_path) as sim:
        assert works() == ["refresh"]
        single_gets.refresh_due("otc")
        assert (sim.requests[-1].query.split("&")[0], cloud().last_good_at is None) != ("", True)
        assert works() == []
        assert "refresh" in [need.work for need in needs(timezone.now() + timedelta(minutes=9))]


@pytest.mark.django_db
@pytest.mark.parametrize("tracked", [0, 300])
def test_a_corrected_password_brings_back_a_cloud_that_is_followed(
    settings: Any, tmp_path: Path, clock: time_machine.Traveller, tracked: int
) -> None:
    with running(settings, tmp_path, backups=300, entry={"vbs_follow": "all"}) as sim:
        good = sim.cloud_entry(vbs_follow="all", vbs_requests_per_second=0)
        configure(
            settings, tmp_path, {"otc": {**good, "auth": {**good["auth"], "password": "mistyped"}}}
        )
        if tracked:
            track(sim.ids)
            make_due()
        do(works())
        assert (cloud().failures, cloud().last_good_at, works()) == (1, None, [])
        configure(settings, tmp_path, {"otc": good})
        clock.shift(permission.ASK_AGAIN_AFTER_FAILURE + timedelta(seconds=1))
        do(works())
        assert (cloud().error, cloud().failures) == (None, 0)
        for _ in range(2):
            do(works())
        assert Backup.objects.filter(refreshed_at__isnull=False).count() >= 300


def do(kinds: list[str]) -> None:
    for kind in kinds:
        DO[cast(Work, kind)]("otc")
