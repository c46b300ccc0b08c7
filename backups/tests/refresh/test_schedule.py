"""When a backup is asked about again, by the pure rules."""

import uuid
from datetime import datetime, timedelta

from django.utils import timezone

from backups.refresh.schedule import next_poll, poll_interval
from backups.tests.facts import NOON


def test_looks_slow_down_as_backups_settle() -> None:
    now = timezone.now()
    made = {"created_at": now - timedelta(hours=1), "changed_at": now, "now": now}
    running_now = [
        poll_interval(status="creating", unchanged_polls=n, **made).total_seconds()
        for n in range(6)
    ]
    assert running_now == [10, 20, 40, 80, 120, 120]
    assert poll_interval(status="available", unchanged_polls=9, **made) == timedelta(minutes=15)
    assert poll_interval(status="odd", unchanged_polls=9, **made) == timedelta(minutes=2)
    old = {**made, "created_at": now - timedelta(days=2), "changed_at": now - timedelta(days=2)}
    assert poll_interval(status="odd", unchanged_polls=0, **old) == timedelta(hours=6)


def test_jitter_stays_within_a_fifth() -> None:
    now, every = timezone.now(), timedelta(minutes=15)
    waits = [(next_poll(uuid.uuid4(), every, now).next_refresh_at or now) - now for _ in range(200)]
    assert min(waits) >= every * 0.8
    assert max(waits) <= every * 1.2
    assert max(waits) > min(waits)


def settled(*, created_at: datetime | None, changed_at: datetime) -> timedelta:
    return poll_interval(
        status="available",
        created_at=created_at,
        changed_at=changed_at,
        unchanged_polls=0,
        now=NOON,
    )


def test_a_settled_backup_is_old_by_when_it_was_made_not_by_when_it_changed() -> None:
    an_hour_ago = NOON - timedelta(hours=1)
    two_days_ago = NOON - timedelta(days=2)
    assert settled(created_at=two_days_ago, changed_at=an_hour_ago) == timedelta(hours=6)
    assert settled(created_at=an_hour_ago, changed_at=two_days_ago) == timedelta(minutes=15)


def test_a_settled_backup_without_a_time_of_creation_goes_by_its_last_change() -> None:
    almost_a_day_ago = NOON - timedelta(hours=23, minutes=59)
    a_day_ago = NOON - timedelta(days=1)
    assert settled(created_at=None, changed_at=almost_a_day_ago) == timedelta(minutes=15)
    assert settled(created_at=None, changed_at=a_day_ago) == timedelta(hours=6)
