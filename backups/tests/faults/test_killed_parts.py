"""Whatever dies, freezes or falls silent: afterwards every backup is fresh again, and meanwhile the
page says so.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import redis

from backups.runner import parts
from backups.tests.faults.house import House

pytestmark = [pytest.mark.soak, pytest.mark.real_clock]
# What becomes of messages has nothing to do with the database.
OF_THE_BROKER = pytest.mark.either


def test_a_worker_killed_in_the_middle_of_a_batch_is_named_and_nothing_is_lost(
    house: House,
) -> None:
    with house.watched() as seen:
        house.busy()
        house.worker.kill()
        house.says("worker")
        house.turns_stale()
        house.worker.start()
        house.recovers(datetime.now(UTC))
    assert seen.states == {"fresh", "stale"}


def test_what_a_killed_worker_held_is_free_again_in_time(house: House) -> None:
    with house.watched():
        for _ in range(2):
            house.busy()
            house.worker.kill()
            house.worker.start()
        house.recovers(datetime.now(UTC))


def test_a_killed_scheduler_is_named_and_nothing_is_lost(house: House) -> None:
    with house.watched() as seen:
        house.beat.kill()
        house.says("scheduler")
        house.turns_stale()
        house.beat.start()
        house.recovers(datetime.now(UTC))
    assert seen.states == {"fresh", "stale"}


def test_two_schedulers_do_no_harm(house: House) -> None:
    second = house.part(replace(parts.beat_part(), name="second-beat"))
    second.start()
    try:
        for _ in range(3):
            house.recovers(datetime.now(UTC))
        house.beat.end()
        house.recovers(datetime.now(UTC))  # so the second one does work
    finally:
        second.end()
        house.mend()


@OF_THE_BROKER
def test_a_killed_broker_is_named_and_nothing_is_lost(house: House) -> None:
    with house.watched() as seen:
        house.busy()
        house.broker.kill()
        house.says("broker")
        house.turns_stale()
        house.broker.start()
        house.recovers(datetime.now(UTC))
    assert seen.states == {"fresh", "stale"}


@OF_THE_BROKER
def test_a_broker_emptied_in_the_middle_of_everything_loses_nothing(house: House) -> None:
    with house.watched(), redis.Redis.from_url(house.broker_url) as client:
        for _ in range(5):
            house.busy()
            client.flushall()
        house.recovers(datetime.now(UTC))


@OF_THE_BROKER
def test_a_broker_frozen_for_half_a_minute_is_named_and_nothing_is_lost(house: House) -> None:
    with house.watched() as seen:
        with house.frozen(house.broker):
            house.says("broker")
            house.turns_stale()
        house.recovers(datetime.now(UTC))
    assert seen.states == {"fresh", "stale"}


@OF_THE_BROKER
def test_a_connection_that_stays_open_and_delivers_nothing_is_given_up(house: House) -> None:
    with house.watched() as seen:
        house.proxy.open.clear()
        house.says("broker")
        house.turns_stale()
        house.proxy.open.set()
        house.recovers(datetime.now(UTC))
    assert seen.states == {"fresh", "stale"}
