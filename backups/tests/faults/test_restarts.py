"""Broker and database stop, are killed and come back, with each part started before and meanwhile:
all works again.

Nobody mends anything by hand: what a supervisor would start anew is started anew by `House`.
"""

import signal
from datetime import UTC, datetime

import pytest

from backups.tests.faults.house import House
from backups.tests.faults.parts import PostgreSQL

pytestmark = [pytest.mark.soak, pytest.mark.real_clock]
# How a broker is found again has nothing to do with the database.
OF_THE_BROKER = pytest.mark.either


@pytest.fixture(params=["valkey", "rabbitmq"])
def served(request: pytest.FixtureRequest) -> House:
    """A whole installation with one of the two brokers."""
    name = "house" if request.param == "valkey" else "house_with_rabbitmq"
    found: House = request.getfixturevalue(name)
    return found


@OF_THE_BROKER
def test_a_broker_that_is_back_at_once_is_found_again(served: House) -> None:
    with served.watched():
        served.broker.kill()
        served.broker.start()
        served.recovers(datetime.now(UTC))


@OF_THE_BROKER
@pytest.mark.parametrize("seconds", [4, 30])
def test_a_broker_that_was_away_for_a_while_is_found_again(served: House, seconds: int) -> None:
    with served.watched():
        served.broker.end(signal.SIGTERM)
        served.lasts(seconds)
        served.broker.start()
        served.recovers(datetime.now(UTC))


@OF_THE_BROKER
def test_a_broker_that_was_away_until_the_scheduler_noticed_is_found_again(served: House) -> None:
    with served.watched():
        served.broker.end(signal.SIGTERM)
        served.notice_in(served.beat)
        served.broker.start()
        served.recovers(datetime.now(UTC))


@OF_THE_BROKER
def test_a_broker_that_was_away_until_all_was_stale_is_found_again(served: House) -> None:
    with served.watched() as seen:
        served.broker.end(signal.SIGTERM)
        served.says("broker")
        served.turns_stale()
        served.broker.start()
        served.recovers(datetime.now(UTC))
    assert seen.states == {"fresh", "stale"}


@OF_THE_BROKER
def test_parts_that_start_while_the_broker_is_away_find_it_when_it_comes(served: House) -> None:
    with served.watched():
        served.broker.kill()
        for part in (served.web, served.worker, served.beat):
            part.kill()
            part.start()
        served.says("broker")
        served.notice_in(served.worker, served.beat)
        served.broker.start()
        served.recovers(datetime.now(UTC))


@OF_THE_BROKER
def test_a_broker_behind_connections_that_deliver_nothing_is_found_again(served: House) -> None:
    with served.watched() as seen:
        served.proxy.open.clear()
        served.says("broker")
        served.turns_stale()
        served.proxy.open.set()
        served.recovers(datetime.now(UTC))
    assert seen.states == {"fresh", "stale"}


@pytest.mark.parametrize("seconds", [0, 4, 30])
def test_a_database_that_was_killed_is_found_again(house: House, seconds: int) -> None:
    if not isinstance(house.database, PostgreSQL):
        pytest.skip("a file cannot be away")
    with house.watched():
        house.database.kill()
        try:
            house.lasts(seconds)
        finally:
            house.database.start()
        house.recovers(datetime.now(UTC))


def test_parts_that_start_while_the_database_is_away_find_it_when_it_comes(house: House) -> None:
    if not isinstance(house.database, PostgreSQL):
        pytest.skip("a file cannot be away")
    with house.watched():
        house.database.stop()
        try:
            for part in (house.web, house.worker, house.beat):
                part.kill()
                part.start()
            house.says("database")
            house.notice_in(house.worker, house.beat)
        finally:
            house.database.start()
        house.recovers(datetime.now(UTC))
