"""A worker on a host whose clock is wrong, beside a database whose clock is right."""

import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backups.runner import parts
from backups.tests.faults.house import House
from backups.tests.faults.parts import PostgreSQL

pytestmark = [pytest.mark.soak, pytest.mark.real_clock]
WRONG = """
import datetime, sys, time_machine
ahead = datetime.timedelta(minutes=int(sys.argv.pop()))
time_machine.travel(datetime.datetime.now(datetime.UTC) + ahead).start()
from celery.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_host_ten_minutes_off_works_like_the_others_and_leaves_no_wrong_times(
    house: House, minutes: int
) -> None:
    if not isinstance(house.database, PostgreSQL):
        pytest.skip("the file of one host has no clock of its own")
    plan = parts.worker_part()
    words = plan.argv[plan.argv.index("celery") + 1 :]
    wrong = house.part(replace(plan, argv=(sys.executable, "-c", WRONG, *words, str(minutes))))
    with house.watched():
        house.worker.end()
        wrong.start()
        try:
            since = datetime.now(UTC)
            house.recovers(since)
            newest = max(datetime.fromisoformat(row["refreshed_at"]) for row in house.rows())
            assert since < newest <= datetime.now(UTC)
        finally:
            wrong.end()
        house.worker.start()
        house.recovers(datetime.now(UTC))
