import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection

from backups.tests.faults.house import House


@pytest.fixture(scope="session")
def _one_house() -> Iterator[House]:
    """Built once: a test that passes leaves it whole, that is what it tests. PostgreSQL needs a folder it may enter."""
    with tempfile.TemporaryDirectory(prefix="vbs", ignore_cleanup_errors=True) as folder:
        house = House(Path(folder), postgresql=connection.vendor == "postgresql")
        try:
            house.open()
            yield house
        finally:
            house.close()


@pytest.fixture
def house(_one_house: House) -> House:
    """A whole installation in which everything works; what a failed test left broken is mended first."""
    _one_house.sim.forget_requests()
    if not _one_house.is_whole():
        _one_house.mend()
        _one_house.recovers(datetime.now(UTC))
    return _one_house
