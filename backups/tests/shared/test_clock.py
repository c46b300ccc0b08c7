"""Hosts whose clocks disagree: the database's time is the time of all."""

import re
import time
import uuid
from datetime import datetime, timedelta
from typing import Any, Never

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from kombu import Message

from backups.models import Backup, Cloud
from backups.shared import clock
from backups.tasks import alive
from vbsdash.celery import app as celery_app
from vbsdash.celery_expiry import SharedClockRequest

pytestmark = pytest.mark.django_db
TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture
def follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process goes by the database, as workers do."""
    for word, value in (
        ("follows", True),
        ("offset", timedelta(0)),
        ("measured_at", float("-inf")),
    ):
        monkeypatch.setattr(clock._Shared, word, value)


def database_time() -> datetime:
    """What the clock of PostgreSQL says; it cannot be set, so tests set the host's clock by it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        there: datetime = cursor.fetchone()[0]
    return there


@pytest.mark.parametrize("off", [TEN_MINUTES, -TEN_MINUTES])
def test_a_worker_on_a_host_whose_clock_is_wrong_goes_by_the_database(
    follows: None, off: timedelta
) -> None:
    if connection.vendor != "postgresql":  # a file has no clock of its own
        clock.measure()
        assert clock.now() == timezone.now()
        return
    before = database_time()
    with time_machine.travel(before + off, tick=False):
        clock.measure()
        assert before <= clock.now() <= database_time()


def test_a_process_that_does_not_follow_asks_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        clock.measure()
        assert clock.now() == timezone.now()


def test_the_database_is_asked_once_a_minute(follows: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1 if connection.vendor == "postgresql" else 0):
        clock.measure()
        clock.measure()


def silent(*_: Any) -> Never:
    raise OperationalError("nothing comes from it")


@pytest.mark.django_db(transaction=True)
def test_a_silent_database_is_not_asked_again_at_once_and_then_by_a_new_connection(
    follows: None, django_assert_num_queries: Any
) -> None:
    if connection.vendor != "postgresql":
        return
    with connection.execute_wrapper(silent):
        clock.measure()
    assert connection.connection is None
    with django_assert_num_queries(0):
        clock.measure()
    clock._Shared.measured_at -= clock.TRY_AGAIN_AFTER_S
    with django_assert_num_queries(1):
        clock.measure()


def received(*, expires_in: int) -> SharedClockRequest:
    """A message of a task that expires in so many seconds by the shared time."""
    expires = (clock.now() + timedelta(seconds=expires_in)).isoformat()
    headers: Any = {"id": "1", "task": alive.name, "expires": expires, "utc": True}
    message = Message(
        body="[[], {}, {}]",
        headers=headers,
        content_type="application/json",
        content_encoding="utf-8",
    )
    return SharedClockRequest(message, app=celery_app, task=alive, decoded=False)


@pytest.mark.parametrize(("seconds", "queries"), [(20, 0), (-20, 1)])
def test_the_thread_that_receives_messages_asks_only_about_what_looks_expired(
    follows: None, django_assert_num_queries: Any, seconds: int, queries: int
) -> None:
    request = received(expires_in=seconds)
    with django_assert_num_queries(queries if connection.vendor == "postgresql" else 0):
        request.maybe_expire()


@pytest.mark.parametrize("minutes", [10, -10])
@pytest.mark.parametrize(("seconds", "expired"), [(20, None), (-20, True)])
def test_a_message_expires_by_the_shared_time_however_often_it_is_asked(
    follows: None, monkeypatch: pytest.MonkeyPatch, minutes: int, seconds: int, expired: bool | None
) -> None:
    # The host is behind, or ahead.
    monkeypatch.setattr(clock._Shared, "offset", timedelta(minutes=minutes))
    monkeypatch.setattr(clock._Shared, "measured_at", time.monotonic())
    request = received(expires_in=seconds)
    # Celery asks when it comes, and when it is run.
    assert [request.maybe_expire() for _ in range(3)] == [expired] * 3


def test_readyz_warns_of_a_host_whose_clock_is_wrong(client: Client) -> None:
    if connection.vendor != "postgresql":
        assert client.get("/readyz").json()["warnings"] == {}
        return
    before = database_time()
    with time_machine.travel(before + TEN_MINUTES, tick=False):
        body = client.get("/readyz").json()
    assert body["parts"]["database"] == "ok"
    said = body["warnings"]["clock"]
    passed = (database_time() - before).total_seconds()
    off = re.fullmatch(
        r"The clock of this host is (\d+) s ahead of the database's: synchronise both\.", said
    )
    assert off is not None
    assert 600 - passed - 1 <= int(off[1]) <= 600


def test_what_was_learned_in_the_future_is_old_and_asked_about_again() -> None:
    now = timezone.now()
    future = now + TEN_MINUTES
    Cloud.objects.create(name="otc", attempted_at=future, last_good_at=future)
    Cloud.objects.create(name="other", attempted_at=now)
    mine, theirs = _row("otc", future), _row("other", now)
    clock.forget_the_future(now)
    row = Backup.objects.get(pk=mine)
    assert (row.attempted_at, row.refreshed_at, row.stale_at) == (now, now, now)
    assert (row.next_refresh_at, row.claimed_until) == (now, None)
    assert Cloud.objects.get(pk="otc").last_good_at == now
    assert Backup.objects.get(pk=theirs).next_refresh_at == now + timedelta(seconds=10)


def _row(cloud: str, at: datetime) -> uuid.UUID:
    times = {
        "attempted_at": at,
        "refreshed_at": at,
        "stale_at": at + timedelta(seconds=20),
        "tracked_at": at,
    }
    later = {
        "next_refresh_at": at + timedelta(seconds=10),
        "claimed_until": at + timedelta(minutes=1),
    }
    return Backup.objects.create(id=uuid.uuid4(), cloud_id=cloud, **times, **later).pk
