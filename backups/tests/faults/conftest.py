from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection

from backups.tests.faults.house import House


@pytest.fixture(scope="session")
def _one_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Built once: a test that passes leaves it whole, that is what it tests."""
    postgresql = connection.vendor == "postgresql"
    house = House(tmp_path_factory.mktemp("house"), postgresql=postgresql)
    try:
        house.open()
        yield house
    finally:
        house.close()


@pytest.fixture
def house(_one_house: House) -> House:
    """A whole installation in which everything works; after a test that failed its dead parts are started anew."""
    for part in (_one_house.broker, _one_house.web, _one_house.worker, _one_house.beat):
        if part.process is None:
            part.start()
    _one_house.proxy.open.set()
    _one_house.sim.clear_faults()
    _one_house.sim.forget_requests()
    _one_house.recovers(datetime.now(UTC))
    return _one_house
