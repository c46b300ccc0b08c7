"""Every bad answer: what was known stays, it turns stale, the error says why, and one
good answer ends it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import time_machine

from backups.models import Backup, Cloud
from backups.simulator import Fault, Simulator
from backups.simulator.errors import FORMS
from backups.tests.faults.rounds import CLOUD, Rounds, rounds

pytestmark = [pytest.mark.either, pytest.mark.django_db(transaction=True)]
STATUSES = (400, 401, 403, 404, 405, 406, 407, 408, 409, 413, 425, 429, 500, 501, 502, 503, 504)
# With 404 they say: this backup does not exist.
GONE = {"cinder", "cinder_string_code", "itemNotFound"}
# In the short run a status comes in every n-th form, each form with a status or more.
ROTATED = 13
CLASSES = {"unavailable", "unauthorized", "wrong_address", "rejected", "malformed"}


@pytest.fixture
def house(settings: Any, tmp_path: Path, clock: time_machine.Traveller) -> Iterator[Rounds]:
    with rounds(settings, tmp_path, clock) as running:
        yield running


def said() -> dict[str, Any]:
    """The error of the backup, else the one of its cloud."""
    row = Backup.objects.order_by("pk")[0]
    return row.error or Cloud.objects.get(pk=CLOUD).error or {}


def suffers(house: Rounds, fault: Fault, *, why: str, times: int = 3) -> None:
    """The fault lasts for two minutes; then, in time, everything is as before."""
    house.sim.fault(fault)
    house.round(times=times)
    house.travel(minutes=2)
    assert house.states() == ["stale"], why
    assert {row.status for row in Backup.objects.all()} == {"creating"}
    assert said()["class"] in CLASSES
    assert said()["message"]
    house.sim.clear_faults()
    house.wait_for_the_cloud()
    house.travel(hours=1)
    house.recovers()
    assert said() == {}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    "every", [ROTATED, pytest.param(1, marks=pytest.mark.soak)], ids=["short", "all"]
)
def test_every_status_in_every_form_of_body(house: Rounds, status: int, every: int) -> None:
    for form in FORMS[STATUSES.index(status) % every :: every]:
        if status != 404 or form not in GONE:
            suffers(house, Fault("status", status=status, body=form, path="/backups"), why=form)


@pytest.mark.parametrize(
    "kind",
    [
        "reset",
        "truncated",
        "html",
        "empty",
        "deep",
        "not_json",
        "wrong_envelope",
        "refused_sign_in",
    ],
)
def test_every_broken_answer(house: Rounds, kind: str) -> None:
    if kind == "refused_sign_in":
        house.sim.fault(Fault("expired_token"))
    suffers(house, Fault(kind), why=kind)


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["slow_body", "slow_header", "hang"])
def test_every_answer_that_does_not_come_in_time(house: Rounds, kind: str) -> None:
    suffers(house, Fault(kind, seconds=12), why=kind, times=2)


@pytest.mark.parametrize("kind", ["wrong_content_type", "duplicate_keys"])
def test_an_odd_answer_that_can_be_read_is_read(house: Rounds, kind: str) -> None:
    house.sim.fault(Fault(kind))
    house.recovers()
    assert house.row().status == "creating"


def test_a_hundred_megabytes_are_not_taken_in(house: Rounds) -> None:
    before = psutil.Process().memory_info().rss
    suffers(house, Fault("huge"), why="huge")
    # The simulator's own buffers among them.
    assert psutil.Process().memory_info().rss - before < 60e6


@pytest.mark.parametrize("path", ["/backups", "/v3/auth/tokens"])
def test_a_redirect_is_not_followed_and_the_other_host_never_sees_the_token(
    house: Rounds, path: str
) -> None:
    with Simulator() as other:
        if path == "/v3/auth/tokens":
            house.sim.fault(Fault("expired_token"))
        suffers(house, Fault("redirect", url=other.url, path=path), why=path)
        assert other.request_count == 0


def test_paging_without_end_ends(
    settings: Any, tmp_path: Path, clock: time_machine.Traveller
) -> None:
    with rounds(settings, tmp_path, clock, backups=30, vbs_follow="all") as house:
        house.sim.fault(Fault("endless"))
        house.sim.forget_requests()
        house.round(times=3)
        assert house.sim.request_count < 3 * len(house.ids)
        house.sim.clear_faults()
        house.recovers()
