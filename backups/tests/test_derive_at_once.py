"""Two workers that store answers about one disk at the same time lose nothing of each other's."""

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from backups.engine.derive import derive
from backups.models import Backup, Cloud, Volume
from backups.tests.facts import NOON
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until


def store(n: int, at: Any) -> None:
    """As a worker does it: the answers, then the disk, in one transaction."""
    Backup.objects.filter(pk=uuid.UUID(int=n)).update(status="available", created_at=at)
    derive("otc", ["disk"], NOON)


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [True, False])
def test_the_one_that_waited_sees_what_the_other_stored(known: bool) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time anyway")
    Cloud.objects.create(name="otc")
    for n in (1, 2):
        Backup.objects.create(id=uuid.UUID(int=n), cloud_id="otc", volume_id="disk", tracked_at=NOON)
    if known:
        derive("otc", ["disk"], NOON)
    began, done = threading.Event(), threading.Event()

    def other() -> None:
        try:
            with transaction.atomic():
                began.set()
                store(2, NOON - timedelta(hours=2))
            done.set()
        finally:
            connection.close()

    with transaction.atomic():
        store(1, NOON - timedelta(hours=1))
        thread = threading.Thread(target=other)
        thread.start()
        assert began.wait(LIMIT_S)
        wait_until(somebody_waits_for_a_lock, lambda: "the other one must wait for the disk's row")
        assert not done.is_set()
    thread.join(LIMIT_S)
    assert done.is_set()
    found = Volume.objects.get()
    assert (found.last_good_id, found.tracked) == (uuid.UUID(int=1), 2)
