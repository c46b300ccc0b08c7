import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.db import connection

from backups.runner.ports import accepts
from backups.tests.faults.house import House
from backups.tests.faults.parts import open_folder
from backups.tests.faults.rabbitmq import RabbitMQ, need_rabbitmq
from backups.tests.waiting import wait_until


@contextmanager
def built(*, rabbitmq: bool) -> Iterator[House]:
    with open_folder() as folder:
        house = House(folder, postgresql=connection.vendor == "postgresql", rabbitmq=rabbitmq)
        try:
            house.open()
            yield house
        finally:
            house.close()


@pytest.fixture(scope="session")
def _one_house() -> Iterator[House]:
    """Built once: a test that passes leaves it whole, that is what it tests."""
    with built(rabbitmq=False) as house:
        yield house


@pytest.fixture(scope="session")
def _one_house_with_rabbitmq() -> Iterator[House]:
    need_rabbitmq()
    with built(rabbitmq=True) as house:
        yield house


@pytest.fixture
def house(_one_house: House) -> House:
    """A whole installation in which everything works; what a failed test left
    broken is mended first.
    """
    return whole(_one_house)


@pytest.fixture
def house_with_rabbitmq(_one_house_with_rabbitmq: House) -> House:
    return whole(_one_house_with_rabbitmq)


def whole(house: House) -> House:
    house.sim.forget_requests()
    if not house.is_whole():
        house.mend()
        house.recovers(datetime.now(UTC))
    return house


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    need_rabbitmq()
    server = RabbitMQ(tmp_path_factory.mktemp("r") / "rabbitmq")
    server.open()
    server.part.start()
    try:
        wait_until(lambda: accepts(server.port))
        yield server.port
    finally:
        server.part.end(signal.SIGTERM)
        server.close()
