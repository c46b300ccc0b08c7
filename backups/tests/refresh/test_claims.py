"""Claims, and the command that needs no broker."""

import uuid
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from backups.models import FULL_ACCESS, Backup
from backups.refresh import claims, single_gets
from backups.reports import cloud_states
from backups.tests.otc import cloud, make_due, running, singles, track
from backups.tests.run_settings import LIMIT_S

pytestmark = pytest.mark.django_db


def test_a_claim_that_ran_out_cannot_free_what_somebody_else_holds(
    settings: Any, tmp_path: Path
) -> None:
    with running(settings, tmp_path) as sim:
        track([sim.seed_example_id])
        now = timezone.now()
        slept = claims.claim_due("otc", now, most=9)
        later = now + claims.CLAIM + timedelta(seconds=1)
        theirs = claims.claim_due("otc", later, most=9)
        assert slept.ids == theirs.ids
        claims.release(slept)
        assert Backup.objects.get().claimed_until == theirs.until
        claims.release(theirs)
        assert Backup.objects.get().claimed_until is None


def test_backups_in_flight_do_not_wait_behind_a_backlog(settings: Any, tmp_path: Path) -> None:
    with running(settings, tmp_path, backups=50) as sim:
        track(sim.ids)
        now = timezone.now()
        Backup.objects.update(next_refresh_at=now - timedelta(hours=1))
        running_now = uuid.UUID(sim.ids[7])
        Backup.objects.filter(pk=running_now).update(next_refresh_at=now, refresh_interval=10)
        assert claims.claim_due("otc", now, most=4).ids[0] == running_now


def test_what_is_claimed_at_once_is_what_the_budget_serves_in_seconds(
    settings: Any, tmp_path: Path
) -> None:
    with running(settings, tmp_path, backups=80, entry={"vbs_requests_per_second": 3}) as sim:
        track(sim.ids)
        assert single_gets._claim_size("otc") == 15
        assert single_gets.refresh_due("otc", seconds=0.1) <= 15 < len(sim.ids)
        assert Backup.objects.exclude(claimed_until=None).count() == 0


def test_calls_are_counted_by_class_and_as_use_of_the_budget(settings: Any, tmp_path: Path) -> None:
    with running(settings, tmp_path, backups=4, entry={"vbs_requests_per_second": 100}) as sim:
        track([*sim.ids, str(uuid.uuid4())])
        single_gets.refresh_due("otc")
        (state,) = cloud_states.states(timezone.now(), access=FULL_ACCESS)
        assert (state.calls, state.used_percent, state.breaker) == (
            {"ok": len(sim.ids), "gone": 1},
            0,
            "closed",
        )
        assert cloud().calls_this_minute == singles(sim)


def test_the_command_refreshes_everything_without_a_broker(settings: Any, tmp_path: Path) -> None:
    with running(settings, tmp_path, backups=30) as sim:
        track(sim.ids)
        call_command("refresh_backups", stdout=StringIO())
        assert Backup.objects.filter(refreshed_at=None).count() == 0
        make_due()
        out = StringIO()
        call_command("refresh_backups", "otc", "--seconds", str(int(LIMIT_S)), stdout=out)
        assert out.getvalue().splitlines()[-1].endswith("good answers")
        with pytest.raises(CommandError, match="no configured cloud"):
            call_command("refresh_backups", "elsewhere")
