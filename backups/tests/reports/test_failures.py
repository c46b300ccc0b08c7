"""Findings about changed backups, and the causes that are told of them."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from backups.derived import findings
from backups.models import FULL_ACCESS, Access, Backup, Cause, Cloud, Role
from backups.query.backups import BACKUPS
from backups.query.list_query import parse
from backups.query.page import Pages
from backups.refresh import retention
from backups.reports import failures
from backups.tests.facts import NOON

pytestmark = pytest.mark.django_db
H = timedelta(hours=1)


@pytest.fixture(autouse=True)
def otc() -> Cloud:
    return Cloud.objects.create(name="otc", last_good_at=NOON)


def backup(n: int, at: datetime | None = NOON, **words: Any) -> Backup:
    known = {"tracked_at": NOON, "refreshed_at": NOON, "stale_at": NOON + 12 * H, "cloud_id": "otc"}
    plain: dict[str, Any] = {"volume_id": "disk", "status": "error", "created_at": at}
    return Backup.objects.create(id=uuid.UUID(int=n), **{**known, **plain, **words})


def note(*backups: Backup, now: datetime = NOON) -> int:
    return findings.note([one.pk for one in backups], now)


def test_fifty_equal_faults_are_told_once() -> None:
    some = [
        backup(n, NOON - n * H, fail_reason=f"Backup host 192.0.2.{n} did not answer")
        for n in range(1, 51)
    ]
    note(*some)
    [one] = failures.causes(NOON, access=FULL_ACCESS)
    assert (one.count, one.first_seen_at, one.last_seen_at) == (50, NOON - 50 * H, NOON - H)
    assert one.ids == tuple(str(uuid.UUID(int=n)) for n in range(1, 51))
    assert (one.text, one.code, one.clouds) == (
        "Backup host 192.0.2.1 did not answer",
        None,
        ("otc",),
    )
    assert (one.examples[0].id, one.examples[0].at, len(one.examples)) == (
        uuid.UUID(int=1),
        NOON - H,
        5,
    )


def test_of_many_only_the_newest_hundred_are_named() -> None:
    note(*[backup(n, NOON - n * H) for n in range(1, 131)])
    [one] = failures.causes(NOON, access=FULL_ACCESS)
    assert (one.count, len(one.ids), one.ids[0], one.ids[-1]) == (
        130,
        100,
        str(uuid.UUID(int=1)),
        str(uuid.UUID(int=100)),
    )


def test_days_are_those_of_the_readers_zone() -> None:
    note(
        backup(1, datetime(2026, 11, 23, 23, 30, tzinfo=UTC)), backup(2, NOON - timedelta(days=40))
    )
    [utc], [berlin] = (
        failures.causes(NOON, access=FULL_ACCESS),
        failures.causes(NOON, access=FULL_ACCESS, zone=ZoneInfo("Europe/Berlin")),
    )
    assert (utc.by_day[-2:], berlin.by_day[-2:]) == ((1, 0), (0, 1))
    assert (sum(utc.by_day), len(utc.by_day), utc.count) == (1, 30, 2)


def test_a_time_in_the_future_gives_way_to_when_it_was_added() -> None:
    note(backup(1, datetime(9999, 12, 31, tzinfo=UTC)), backup(2, None))
    [one] = failures.causes(NOON, access=FULL_ACCESS)
    assert (one.first_seen_at, one.last_seen_at) == (NOON, NOON)


def test_the_cause_seen_last_comes_first() -> None:
    note(
        backup(1, NOON - H, fail_reason="one"),
        backup(2, NOON, fail_reason="two"),
        backup(3, NOON - 2 * H),
    )
    assert [one.text for one in failures.causes(NOON, access=FULL_ACCESS)] == ["two", "one", ""]


def test_a_cause_ends_with_the_fault_and_with_the_backup() -> None:
    one, two = backup(1), backup(2)
    note(one, two)
    Backup.objects.filter(pk=one.pk).update(status="available")
    Backup.objects.filter(pk=two.pk).update(gone_at=NOON)
    assert (note(one, two), failures.causes(NOON, access=FULL_ACCESS)) == (2, [])


def test_the_list_behind_a_cause_has_as_many_rows_as_it_counts() -> None:
    note(backup(1, fail_reason="one"), backup(2, fail_reason="one"), backup(3, fail_reason="two"))
    for cause in failures.causes(NOON, access=FULL_ACCESS):
        selection = parse(QueryDict(f"cause={cause.key}"), BACKUPS)
        assert (
            Pages(BACKUPS, selection, NOON, rows=Backup.objects.all()).matching.count()
            == cause.count
        )


def test_causes_of_one_cloud_or_some() -> None:
    Cloud.objects.create(name="eu")
    note(backup(1, fail_reason="one"), backup(2, fail_reason="one", cloud_id="eu"))
    [both] = failures.causes(NOON, access=FULL_ACCESS)
    [eu] = failures.causes(NOON, access=FULL_ACCESS, cloud="eu")
    assert (both.count, both.clouds, eu.count, eu.clouds) == (2, ("eu", "otc"), 1, ("eu",))
    assert failures.causes(NOON, access=Access(Role.VIEWER, frozenset(["none"]))) == []


def test_noting_again_changes_nothing() -> None:
    some = [
        backup(1, fail_reason="one"),
        backup(2, status="available"),
        backup(3, status="creating"),
    ]
    assert (note(*some), note(*some)) == (3, 0)
    assert Cause.objects.count() == 1


@pytest.mark.parametrize("n", [1, 30])
def test_telling_causes_takes_three_queries(n: int) -> None:
    note(*[backup(i, fail_reason="x" * i) for i in range(1, n + 1)])
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(failures.causes(NOON, access=FULL_ACCESS)) == n
    assert len(queries) == 3


def test_what_came_of_a_backup_is_kept_while_it_is_deleted() -> None:
    one = backup(1, status="available")
    for status, came in (
        ("available", "good"),
        ("deleting", "good"),
        ("deleted", "good"),
        ("error_deleting", "good"),
    ):
        Backup.objects.filter(pk=one.pk).update(status=status)
        note(one)
        one.refresh_from_db()
        assert one.outcome == came


def test_causes_that_no_backup_has_any_more_are_forgotten() -> None:
    kept, healed = backup(1, fail_reason="disk full"), backup(2, fail_reason="busy")
    note(kept, healed)
    Backup.objects.filter(pk=healed.pk).update(status="available", fail_reason=None)
    note(kept, healed)
    assert (retention.forget_causes(), retention.forget_causes()) == (1, 0)
    assert [row.text for row in Cause.objects.all()] == ["disk full"]
