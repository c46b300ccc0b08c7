"""What is computed once for many readers is never older than the version that each of them read."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from backups.models import FULL_ACCESS, Access, Backup, Cloud, Role
from backups.models.data_version import data_changed, data_touched
from backups.reports.computed_once import computed_once
from backups.reports.data_version import versions
from backups.tests.run_settings import LIMIT_S

OF_ONE_CLOUD = Access(Role.VIEWER, frozenset({"otc"}))
pytestmark = pytest.mark.django_db(transaction=True)


def count_clouds(access: Access = FULL_ACCESS) -> int:
    version = versions(timezone.now()).content
    return computed_once("clouds", Cloud.objects.count, version=version, access=access)


def add_cloud(name: str) -> None:
    with transaction.atomic():
        Cloud.objects.create(name=name)
        data_changed()


def in_another_session(work: threading.Thread) -> None:
    work.start()
    work.join()


def of_a_thread(name: str) -> threading.Thread:
    def add() -> None:
        add_cloud(name)
        connection.close()

    return threading.Thread(target=add)


def test_the_second_reader_of_a_version_asks_the_database_for_nothing_but_the_version() -> None:
    asked = []

    def compute() -> int:
        asked.append(1)
        return 7

    for _ in range(3):
        version = versions(timezone.now()).content
        assert computed_once("seven", compute, version=version, access=FULL_ACCESS) == 7
    assert asked == [1]


def test_who_reads_after_a_write_of_another_session_reads_what_was_written() -> None:
    assert count_clouds() == 0
    in_another_session(of_a_thread("otc"))
    assert count_clouds() == 1
    assert count_clouds() == 1


def test_what_was_begun_before_a_write_is_not_served_after_it() -> None:
    def overtaken() -> int:
        before = Cloud.objects.count()
        in_another_session(of_a_thread("otc"))
        return before

    version = versions(timezone.now()).content
    assert computed_once("clouds", overtaken, version=version, access=FULL_ACCESS) == 0
    assert count_clouds() == 1


def test_no_reader_beside_writers_ever_reads_less_than_was_there_when_he_began() -> None:
    """Counts before each read what is committed; what is computed once has that or more."""
    if connection.vendor == "sqlite":
        pytest.skip("the tests' database is in memory, where readers do not pass a writer")
    written = threading.Event()
    short: list[tuple[int, int]] = []

    def write() -> None:
        for number in range(30):
            add_cloud(f"cloud-{number}")
        connection.close()
        written.set()

    def read() -> None:
        while not written.is_set():
            least = Cloud.objects.count()
            count = count_clouds()
            if count < least:
                short.append((count, least))
        connection.close()

    threads = [threading.Thread(target=work) for work in (write, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert short == []
    assert count_clouds() == 30


def test_readers_of_other_clouds_have_results_of_their_own() -> None:
    counts = []
    for access in (FULL_ACCESS, OF_ONE_CLOUD, FULL_ACCESS, OF_ONE_CLOUD):
        version = versions(timezone.now()).content
        clouds = Cloud.objects.visible_to(access)
        counts.append(computed_once("seen", clouds.count, version=version, access=access))
        if not Cloud.objects.exists():
            add_cloud("otc")
            add_cloud("other")
    assert counts == [0, 1, 2, 1]


def test_what_is_read_inside_of_a_transaction_is_not_kept() -> None:
    with transaction.atomic():
        Cloud.objects.create(name="taken back")
        data_changed()
        assert count_clouds() == 1
        transaction.set_rollback(True)
    add_cloud("otc")
    add_cloud("other")
    assert count_clouds() == 2


def test_two_who_ask_for_the_same_compute_it_once() -> None:
    version = versions(timezone.now()).content
    begun = threading.Event()
    goes_on = threading.Event()
    asked = []
    results = []

    def slow() -> int:
        asked.append(1)
        begun.set()
        goes_on.wait(LIMIT_S)
        return 7

    def read() -> None:
        results.append(computed_once("slow", slow, version=version, access=FULL_ACCESS))
        connection.close()

    first = threading.Thread(target=read)
    second = threading.Thread(target=read)
    first.start()
    begun.wait(LIMIT_S)
    second.start()
    goes_on.set()
    first.join()
    second.join()
    assert (asked, results) == ([1], [7, 7])


def test_content_stays_the_same_while_backups_are_only_touched() -> None:
    now = timezone.now()
    data_changed()
    before = versions(now)
    data_touched()
    touched = versions(now)
    data_changed()
    changed = versions(now)
    assert (touched.content, touched.surroundings) == (before.content, before.surroundings)
    assert len({before.whole, touched.whole, changed.whole}) == 3
    assert changed.content != before.content
    assert changed.surroundings == before.surroundings


def test_a_backup_that_turns_stale_makes_new_content_by_time_alone() -> None:
    now = timezone.now()
    add_cloud("otc")
    Backup.objects.create(
        id="00000000-0000-4000-8000-000000000001",
        cloud_id="otc",
        tracked_at=now,
        refreshed_at=now,
        stale_at=now + timedelta(seconds=30),
    )
    before = versions(now)
    assert versions(now + timedelta(seconds=29)).whole == before.whole
    after = versions(now + timedelta(seconds=30))
    assert after.content != before.content
