"""Two writers at the same time: the one that had to wait goes by what the other one stored, and
loses nothing of it.
"""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from backups.analysis.rules import by_period
from backups.clouds import registry
from backups.derived import queue
from backups.derived.volumes import derive, forget_backups
from backups.edits import accounts, protection_rules, tracking
from backups.edits.common import Actor
from backups.models import NEW_ACCOUNT, Backup, Role, Volume
from backups.refresh import auto_track
from backups.shared.access import granted_to
from backups.shared.account_state import account_state
from backups.shared.locks import lock_cloud
from backups.tests.accounts import make_account
from backups.tests.facts import NOON
from backups.tests.otc import configure, silent
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _two_clouds(settings: Any, tmp_path: Path) -> Iterator[None]:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time anyway")
    configure(settings, tmp_path, silent("otc", "other"))
    registry.ensure_rows()
    yield
    registry.forget_clients()


def backup(
    n: int, volume_id: str | None = "disk", *, created_at: datetime | None = None
) -> uuid.UUID:
    """A tracked one, which was seen when it has a date."""
    seen = (
        {"status": "available", "created_at": created_at, "refreshed_at": NOON}
        if created_at
        else {}
    )
    made = Backup.objects.create(
        id=uuid.UUID(int=n), cloud_id="otc", volume_id=volume_id, tracked_at=NOON, **seen
    )
    return made.pk


@contextmanager
def before(waiting: Callable[[], object]) -> Iterator[None]:
    """A transaction, at whose end `waiting` has begun, on another connection, and waits for a lock
    of this one.
    """

    def wait() -> None:
        try:
            waiting()
        finally:
            connection.close()

    with ThreadPoolExecutor() as beside:
        with transaction.atomic():
            yield
            waits = beside.submit(wait)
            wait_until(somebody_waits_for_a_lock, lambda: "the other one must wait")
        waits.result(LIMIT_S)


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        # Within a transaction the same would be seen again and again.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
            "wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("known", [True, False])
def test_a_disk_whose_backups_are_stored_by_two(known: bool) -> None:
    def store(n: int, at: datetime) -> None:
        with transaction.atomic():
            Backup.objects.filter(pk=uuid.UUID(int=n)).update(status="available", created_at=at)
            derive("otc", ["disk"], NOON)

    for n in (1, 2):
        backup(n)
    if known:
        derive("otc", ["disk"], NOON)
    with before(lambda: store(2, NOON - timedelta(hours=2))):
        store(1, NOON - timedelta(hours=1))
    found = Volume.objects.get()
    assert (found.last_good_id, found.tracked) == (uuid.UUID(int=1), 2)


def test_a_disk_that_is_derived_while_its_rule_is_set() -> None:
    backup(1, created_at=NOON)
    derive("otc", ["disk"], NOON)
    with before(lambda: derive("otc", ["disk"], NOON)):
        rule = by_period(period_seconds=7200, grace_seconds=0)
        protection_rules.set_cloud_rule("otc", rule, actor=Actor("operator", NOON))
        Volume.objects.update(derive_at=NOON)  # whoever waits is the one to derive it
    assert Volume.objects.get().effective_period_seconds == 7200


def test_a_disk_that_is_removed_while_a_backup_of_it_is_stored_is_made_anew_and_marked() -> None:
    def store() -> None:
        with transaction.atomic():
            backup(1)
            queue.mark("otc", ["disk"], NOON)

    Volume.objects.create(cloud_id="otc", volume_id="disk", first_seen_at=NOON)
    with before(store):
        forget_backups("otc", ["disk"], NOON)
    assert Volume.objects.get().derive_at == NOON


def test_a_disk_that_is_derived_while_it_is_removed_stays_removed() -> None:
    Volume.objects.create(cloud_id="otc", volume_id="disk", first_seen_at=NOON, derive_at=NOON)
    with before(lambda: queue.derive_due("otc", NOON)):
        Volume.objects.all().delete()
    assert not Volume.objects.exists()


def test_a_backup_that_turns_out_to_be_of_another_disk_while_it_is_untracked() -> None:
    pk = backup(1, "first", created_at=NOON)
    derive("otc", ["first"], NOON)
    with before(lambda: tracking.untrack([str(pk)])):
        lock_cloud("otc")
        Backup.objects.update(volume_id="second")
        derive("otc", ["first", "second"], NOON)
        Volume.objects.filter(volume_id="second").update(listed_at=NOON)
    assert Volume.objects.get(volume_id="second").tracked == 0


def test_a_backup_that_is_seen_while_it_is_added_elsewhere_stays_where_it_was_seen() -> None:
    pk = backup(1, None)
    with before(lambda: tracking.add(cloud="other", values=[str(pk)], now=NOON)):
        lock_cloud("otc")
        Backup.objects.update(refreshed_at=NOON)
    assert Backup.objects.get().cloud_id == "otc"


def test_a_backup_of_a_removed_cloud_moves_once(settings: Any, tmp_path: Path) -> None:
    pk = backup(1, created_at=NOON)
    derive("otc", ["disk"], NOON)
    configure(settings, tmp_path, silent("other", "third"))
    registry.ensure_rows()
    with before(lambda: auto_track.take_over("third", [pk], NOON)):
        assert auto_track.take_over("other", [pk], NOON) == [pk]
    assert Backup.objects.get().cloud_id == "other"


def lose_role(account: User, by: User) -> None:
    now = User.objects.get(pk=account.pk)
    accounts.set_access(account.pk, NEW_ACCOUNT, by=by, seen=account_state(now))


def is_admin(account: User) -> bool:
    return granted_to(User.objects.get(pk=account.pk)).may(Role.ADMIN)


def test_of_two_admins_who_leave_at_the_same_time_one_has_to_stay() -> None:
    ada = make_account("ada", role=Role.ADMIN, password="right-horse")
    bob = make_account("bob", role=Role.ADMIN, password="right-horse")

    def leave_too() -> None:
        with pytest.raises(accounts.LastWayIn):
            lose_role(bob, by=bob)

    with before(leave_too):
        lose_role(ada, by=ada)
    assert [is_admin(ada), is_admin(bob)] == [False, True]


def test_who_loses_his_role_meanwhile_takes_none_away() -> None:
    ada = make_account("ada", role=Role.ADMIN, password="right-horse")
    bob = make_account("bob", role=Role.ADMIN, password="right-horse")

    def take_it_back() -> None:
        with pytest.raises(accounts.UnknownAccount):
            lose_role(ada, by=bob)

    with before(take_it_back):
        lose_role(bob, by=ada)
    assert [is_admin(ada), is_admin(bob)] == [True, False]
