"""A backup that gets 401 while others are answered says so itself; the cloud is at fault when
nobody is answered.
"""

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from backups.clouds import registry
from backups.models import Backup, Cloud
from backups.refresh import dispatcher, single_gets
from backups.simulator import Fault, Simulator
from backups.tests.accounts import make_operator
from backups.tests.otc import running, track

pytestmark = pytest.mark.django_db
ODD = [str(uuid.UUID(int=n)) for n in (1, 2)]


@pytest.fixture(params=["password", "aksk"])
def sim(request: pytest.FixtureRequest, settings: Any, tmp_path: Any) -> Iterator[Simulator]:
    with running(settings, tmp_path, auth=request.param, backups=20) as sim:
        for one in ODD:
            sim.add({"id": one, "status": "available", "service_metadata": "{}"})
        yield sim


def refuse(sim: Simulator, *ids: str) -> None:
    """From now on these are answered with 401, whatever token or signature comes along."""
    sim.clear_faults()
    for one in ids:
        sim.fault(Fault("status", status=401, path=one))


def ask_about(sim: Simulator, *ids: str) -> None:
    """Until each has been asked about."""
    before = {one: attempted(one) for one in ids}
    for _ in range(6):
        Backup.objects.filter(pk__in=ids).update(next_refresh_at=timezone.now())
        single_gets.refresh_due("otc")
    assert all(attempted(one) != before[one] or before[one] == timezone.now() for one in ids)


def attempted(backup_id: str) -> Any:
    return Backup.objects.get(pk=backup_id).attempted_at


def error_of(backup_id: str) -> str | None:
    error = Backup.objects.get(pk=backup_id).error
    return error["class"] if error else None


def sign_ins(sim: Simulator) -> int:
    return sum(request.path == "/v3/auth/tokens" for request in sim.requests)


def test_the_odd_one_has_the_error_and_its_neighbours_and_cloud_have_none(sim: Simulator) -> None:
    track([*ODD, *sim.ids])
    refuse(sim, ODD[0])
    ask_about(sim, *ODD, *sim.ids)
    refused = Backup.objects.get(pk=ODD[0])
    assert refused.error is not None
    assert (refused.error["class"], refused.error["http_status"]) == ("unauthorized", 401)
    assert refused.refreshed_at is None
    assert Backup.objects.filter(refreshed_at__isnull=False).count() == len(sim.ids) - 1
    cloud = Cloud.objects.get()
    assert (cloud.error, cloud.failures, cloud.refused_at) == (None, 0, None)
    assert refused.next_refresh_at is not None
    assert refused.next_refresh_at > timezone.now()


def test_two_odd_ones_among_many_do_not_blame_the_cloud(sim: Simulator) -> None:
    track([*ODD, *sim.ids])
    refuse(sim, *ODD)
    ask_about(sim, *ODD, *sim.ids)
    assert [error_of(one) for one in ODD] == ["unauthorized", "unauthorized"]
    assert Cloud.objects.get().error is None


def test_a_single_one_asked_alone_does_not_blame_the_cloud(
    sim: Simulator, clock: time_machine.Traveller
) -> None:
    track([*ODD, *sim.ids])
    ask_about(sim, *ODD, *sim.ids)
    refuse(sim, ODD[0])
    clock.shift(60)
    ask_about(sim, ODD[0])
    assert (error_of(ODD[0]), Cloud.objects.get().error) == ("unauthorized", None)


def test_its_error_ends_with_its_next_good_answer(
    sim: Simulator, clock: time_machine.Traveller
) -> None:
    track(ODD)
    refuse(sim, ODD[0])
    ask_about(sim, *ODD)
    assert error_of(ODD[0]) == "unauthorized"
    refuse(sim)
    clock.shift(timedelta(hours=1))
    ask_about(sim, *ODD)
    assert error_of(ODD[0]) is None


def test_when_nobody_is_answered_any_more_it_is_the_cloud(
    sim: Simulator, clock: time_machine.Traveller
) -> None:
    track([*ODD, *sim.ids])
    ask_about(sim, *ODD, *sim.ids)
    sim.fault(Fault("status", status=401, path="/backups/"))
    clock.shift(timedelta(hours=7))
    for _ in range(3):
        Backup.objects.update(next_refresh_at=timezone.now())
        single_gets.refresh_due("otc")
        clock.shift(61)
    cloud = Cloud.objects.get()
    assert cloud.error is not None
    assert cloud.error["class"] == "unauthorized"


def test_one_odd_backup_costs_few_sign_ins_and_holds_nobody_up(
    sim: Simulator, clock: time_machine.Traveller
) -> None:
    track([*ODD, *sim.ids])
    refuse(sim, ODD[0])
    ask_about(sim, *ODD, *sim.ids)
    before = sign_ins(sim)
    for _ in range(60):  # an hour
        clock.shift(60)
        if any(need.work.startswith("refresh") for need in dispatcher.needs(timezone.now())):
            single_gets.refresh_due("otc")
    assert sign_ins(sim) - before <= 10
    assert Backup.objects.exclude(pk=ODD[0]).filter(stale_at__lte=timezone.now()).count() == 0


def test_a_backup_whose_cloud_is_at_fault_says_so_on_its_page_and_row(
    sim: Simulator, client: Client, clock: time_machine.Traveller
) -> None:
    track([*ODD, *sim.ids])
    ask_about(sim, *ODD, *sim.ids)
    is_aksk = registry.configured()["otc"].auth_type == "aksk"
    sim.fault(Fault("status", status=401) if is_aksk else Fault("refused_sign_in"))
    registry.forget_clients()
    clock.shift(timedelta(hours=13))
    single_gets.refresh_due("otc")
    client.force_login(make_operator("operator"))
    message = (Cloud.objects.get().error or {})["message"]
    page = client.get(f"/backups/{ODD[0]}/").content.decode()
    assert "Its cloud is at fault, first" in page
    assert message in page
    assert Backup.objects.filter(error__isnull=True).count() == len(sim.ids)
    # These have room for it in their row.
    without_reason = Backup.objects.filter(fail_reason__isnull=True).count()
    rows = re.findall(
        r'<tr[^>]* id="b-.*?</tr>', client.get("/backups/").content.decode(), re.DOTALL
    )
    assert sum("its cloud, " in row for row in rows) == without_reason
