"""The database stops, is locked, or takes no writes: afterwards all is fresh again, and meanwhile
the page says so.
"""

import resource
from datetime import UTC, datetime

import psutil
import pytest

from backups.tests.faults.house import House
from backups.tests.faults.parts import PostgreSQL, SQLite

pytestmark = [pytest.mark.soak, pytest.mark.real_clock]


def test_a_restarted_database_is_found_again_by_every_part(house: House) -> None:
    if not isinstance(house.database, PostgreSQL):
        pytest.skip("a file cannot be restarted")
    with house.watched():
        house.database.stop()
        try:
            house.says("database")
            assert house.rows() == []
            house.notice_in(house.worker, house.beat)
        finally:
            house.database.start()
        house.recovers(datetime.now(UTC))


def test_a_locked_database_is_waited_for(house: House) -> None:
    """A locked file can still be read; locked tables cannot, which is told once the limit of the
    session is passed: nothing old is shown.
    """
    with house.watched(), house.database.locked("backups_backup", "backups_cloud"):
        if isinstance(house.database, PostgreSQL):
            house.says("database")
            busy = "The database is busy (another session holds what was needed): "
            status, problem = house.get("/api/backups/")
            assert (status, problem["detail"]) == (503, f"{busy}try again in a moment.")
        else:
            house.turns_stale()
    house.recovers(datetime.now(UTC))


def test_a_database_that_takes_no_writes_is_still_read(house: House) -> None:
    if not isinstance(house.database, PostgreSQL):
        pytest.skip("see the next test")
    with house.watched() as seen:
        with house.database.read_only():
            house.turns_stale()
        house.recovers(datetime.now(UTC))
    assert seen.states == {"fresh", "stale"}


def test_a_full_disk_loses_nothing(house: House) -> None:
    if not isinstance(house.database, SQLite):
        pytest.skip("the disk of a server is not ours")
    with house.watched() as seen:
        for part in (house.worker, house.beat):
            assert part.process is not None
            psutil.Process(part.process.pid).rlimit(
                resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY)
            )
        house.turns_stale()
        for part in (house.worker, house.beat):
            assert part.process is not None
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            psutil.Process(part.process.pid).rlimit(resource.RLIMIT_FSIZE, unlimited)
        house.recovers(datetime.now(UTC))
    assert seen.states == {"fresh", "stale"}
