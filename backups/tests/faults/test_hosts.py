"""Two worker hosts and two schedulers, with broker and database on hosts of their own: each is
killed, stopped, and cut off without a word. Meanwhile the others go on and nothing is shown that
is not so; afterwards all is fresh again.
"""

import signal
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backups.tests.faults.bodies import in_flight
from backups.tests.faults.estate import CALLS_PER_SECOND, CUT_OFF_S, Estate
from backups.tests.faults.installation import CLOUD, STALE_AFTER_S
from backups.tests.faults.network import need_hosts
from backups.tests.faults.rabbitmq import need_rabbitmq
from backups.tests.waiting import wait_until

pytestmark = [pytest.mark.soak, pytest.mark.real_clock, pytest.mark.once]
# Both sides are alike, so the second one repeats the first.
SIDES = pytest.mark.parametrize("side", ["a", pytest.param("b", marks=pytest.mark.long)])


@pytest.fixture(scope="module")
def _one_estate() -> Iterator[Estate]:
    need_hosts()
    need_rabbitmq()
    with tempfile.TemporaryDirectory(prefix="vbs", ignore_cleanup_errors=True) as folder:
        estate = Estate(Path(folder))
        try:
            estate.open()
            yield estate
        finally:
            estate.close()


@pytest.fixture
def estate(_one_estate: Estate) -> Estate:
    """Everything works; what a failed test left broken is mended first."""
    _one_estate.sim.forget_requests()
    _one_estate.move_to(_one_estate.rabbitmq.url, _one_estate.rabbitmq.part)
    if not _one_estate.is_whole():
        _one_estate.mend()
        _one_estate.recovers(datetime.now(UTC))
    return _one_estate


def most_calls(estate: Estate, *, seconds: int) -> int:
    """The most calls about backups in any span of so many seconds."""
    times = sorted(record.at for record in estate.sim.requests if "/backups" in record.path)
    span = timedelta(seconds=seconds)
    most = 0
    first = 0
    for last, at in enumerate(times):
        while times[first] < at - span:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_both_worker_hosts_together_keep_the_call_budget(estate: Estate) -> None:
    ids = [str(uuid.uuid4()) for _ in range(12 * CALLS_PER_SECOND)]
    for backup_id in ids:
        estate.sim.add(in_flight(backup_id, datetime.now(UTC)))
    estate.post("/api/backups/", {"cloud": CLOUD, "ids": ids})
    wait_until(lambda: estate.states() == {"fresh"}, estate.logs)
    estate.sim.forget_requests()
    # Each of these calls is one message, and the hosts take turns.
    for first in range(0, len(ids), 60):
        estate.post("/api/backups/refresh/", {"ids": ids[first : first + 60]})
    wait_until(lambda: set(ids) <= estate.asked_about(), estate.logs)
    assert estate.askers() == {"worker-a", "worker-b"}
    # A window begins with its first call, so a span of five seconds touches six of them; what is
    # on its way longer than others makes it seven. Two budgets would be ten.
    assert most_calls(estate, seconds=5) <= 7 * CALLS_PER_SECOND
    estate.post("/api/backups/untrack/", {"ids": ids})


@SIDES
def test_a_worker_and_a_scheduler_are_killed_and_the_others_go_on(
    estate: Estate, side: str
) -> None:
    parts = [estate.on[f"worker-{side}"], estate.on[f"scheduler-{side}"]]
    with estate.watched():
        estate.busy()
        for part in parts:
            part.kill()
        estate.goes_on_without(f"worker-{side}")
        for part in parts:
            part.start()
        estate.asks(f"worker-{side}")
        # As an administrator stops and starts them.
        for part in parts:
            part.end(signal.SIGTERM)
            part.start()
        estate.asks(f"worker-{side}")
        estate.recovers(datetime.now(UTC))


@SIDES
def test_a_worker_and_a_scheduler_are_cut_off_and_the_others_go_on(
    estate: Estate, side: str
) -> None:
    """The host falls silent in the middle of a transaction, whose locks end with it."""
    hosts = [f"worker-{side}", f"scheduler-{side}"]
    with estate.watched():
        with estate.in_a_transaction(hosts[0]), estate.network.pulled(*hosts):
            estate.goes_on_without(hosts[0])
        estate.asks(hosts[0])
        estate.recovers(datetime.now(UTC))


def test_the_broker_is_killed_and_stopped_and_found_again(estate: Estate) -> None:
    with estate.watched():
        for signum in (signal.SIGKILL, signal.SIGTERM):
            estate.broker.end(signum)
            estate.start_broker()
            estate.recovers(datetime.now(UTC))


def test_the_database_is_killed_and_stopped_and_found_again(estate: Estate) -> None:
    with estate.watched():
        # To SIGTERM it would wait for its clients.
        for signum in (signal.SIGKILL, signal.SIGINT):
            estate.database.part.end(signum)
            estate.database.part.start()
            estate.recovers(datetime.now(UTC))


def the_broker_is_cut_off(estate: Estate) -> None:
    with estate.watched() as seen:
        with estate.network.pulled("broker"):
            estate.says("broker")
            estate.turns_stale()
            estate.lasts(CUT_OFF_S - STALE_AFTER_S)
        estate.recovers(datetime.now(UTC))
        for name in ("worker-a", "worker-b"):
            estate.asks(name)
    assert seen.states == {"fresh", "stale"}


def test_the_broker_is_cut_off_and_found_again(estate: Estate) -> None:
    the_broker_is_cut_off(estate)


def test_the_database_is_cut_off_and_found_again(estate: Estate) -> None:
    with estate.watched():
        with estate.network.pulled("database"):
            estate.says("database")
            assert estate.rows() == []
            estate.lasts(CUT_OFF_S)
        estate.recovers(datetime.now(UTC))
        for name in ("worker-a", "worker-b"):
            estate.asks(name)


# With one host of parts, test_killed_parts.py has a Valkey that falls silent.
@pytest.mark.long
def test_a_valkey_that_all_hosts_share_is_cut_off_and_found_again(estate: Estate) -> None:
    estate.move_to(estate.valkey_url, estate.valkey)
    estate.recovers(datetime.now(UTC))
    the_broker_is_cut_off(estate)
