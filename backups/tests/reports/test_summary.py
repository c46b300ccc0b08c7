"""The numbers of the home page."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from backups.derived import findings
from backups.derived.volumes import derive_all
from backups.models import FULL_ACCESS, Access, Backup, Cloud, Role, Volume
from backups.query.backups import BACKUPS
from backups.query.list_query import parse
from backups.query.page import Pages
from backups.query.volumes import VOLUMES
from backups.reports.home_counts import count_doubles
from backups.reports.summary import Summary, summary
from backups.tests.facts import NOON

pytestmark = pytest.mark.django_db
H, DAY, M = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
CLOUDS = ("otc", "eu")


@pytest.fixture(autouse=True)
def clouds(settings: Any) -> None:
    """Two clouds that are configured, heard and followed."""
    settings.CLOUDS = dict.fromkeys(CLOUDS)
    for name in CLOUDS:
        known = {"last_good_at": NOON, "attempted_at": NOON, "backups_listed_at": NOON}
        Cloud.objects.create(name=name, follow="all", **known)


def backup(n: int, at: datetime | None = NOON, *, cloud: str = "otc", **words: Any) -> Backup:
    known = {"tracked_at": NOON, "refreshed_at": NOON, "stale_at": NOON + 12 * H, "cloud_id": cloud}
    plain: dict[str, Any] = {
        "volume_id": f"disk-{n}",
        "status": "available",
        "created_at": at,
        "kind": "full",
    }
    return Backup.objects.create(id=uuid.UUID(int=n), **{**known, **plain, **words})


def told(now: datetime = NOON, zone: tzinfo = UTC, *, access: Access = FULL_ACCESS) -> Summary:
    """The summary after everything was found out."""
    for name in CLOUDS:
        findings.note_all(name, now)
        derive_all(name, now)
    Volume.objects.update(listed_backups=0)  # no list names backups beside those that are tracked
    return summary(now, zone, access=access)


def matching(listing: Any, query: str, now: datetime = NOON) -> int:
    rows = Volume.objects.with_protection(now) if listing is VOLUMES else Backup.objects.all()
    return Pages(listing, parse(QueryDict(query), listing), now, rows=rows).matching.count()


def test_an_empty_house_has_zeros_and_wants_nothing() -> None:
    found = told()
    assert (found.backups.total, found.volumes.total, found.chain_size_mb, found.attention) == (
        0,
        0,
        0,
        (),
    )
    assert (
        found.backups.by_status,
        found.backups.by_tracking_state,
        found.volumes.by_protection,
    ) == ({}, {}, {})
    assert [
        sum(day) for day in [(one.good, one.failed, one.missed) for one in found.outcomes_by_day]
    ] == [0] * 30
    assert found.growth.sentence == "Not enough data: a trend needs three days."


def test_numbers_count_what_is_there() -> None:
    backup(1, NOON - 2 * H, chain_size_mb=400)
    backup(2, NOON - H, volume_id="disk-1", kind="incremental", chain_size_mb=500)
    backup(3, NOON - 40 * H, chain_size_mb=50)
    backup(4, status="error")
    backup(5, status="creating", stale_at=NOON)
    backup(6, None, status=None, refreshed_at=None, stale_at=None, volume_id=None)
    backup(7, gone_at=NOON, volume_id="disk-1")
    found = told()
    assert found.backups.by_status == {"available": 4, "error": 1, "creating": 1, "null": 1}
    assert (found.backups.by_tracking_state, found.backups.total) == (
        {"pending": 1, "fresh": 4, "stale": 1, "gone": 1},
        7,
    )
    assert (found.volumes.by_protection, found.volumes.total) == (
        {"protected": 1, "overdue": 1, "never": 2},
        4,
    )
    assert found.chain_size_mb == 550


def test_exempt_and_deleted_disks_stand_beside_the_total() -> None:
    for n in (1, 2, 3):
        backup(n)
    derive_all("otc", NOON)
    Volume.objects.filter(volume_id="disk-1").update(exempt_reason="scratch")
    Volume.objects.filter(volume_id="disk-2").update(deleted_at=NOON)
    found = told()
    assert (found.volumes.by_protection, found.volumes.total) == (
        {"exempt": 1, "deleted": 1, "protected": 1},
        1,
    )


@hypothesis_settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_each_number_is_the_row_count_of_its_list(data: Any) -> None:
    Volume.objects.all().delete()
    Backup.objects.all().delete()
    times = st.none() | st.integers(-80, 80).map(lambda n: NOON + n * M)
    for name in CLOUDS:
        Cloud.objects.filter(pk=name).update(last_good_at=data.draw(times))
    for n in range(data.draw(st.integers(0, 8))):
        seen = data.draw(times)
        backup(
            n,
            cloud=data.draw(st.sampled_from(CLOUDS)),
            status=data.draw(st.sampled_from(["available", "error", "creating", "funny", None])),
            refreshed_at=seen,
            stale_at=data.draw(times.filter(bool)) if seen else None,
            gone_at=data.draw(times),
        )
    found = told()
    for status, n in found.backups.by_status.items():
        assert matching(BACKUPS, f"status={status}") == n
    states = ("pending", "fresh", "stale", "gone")
    assert {state: matching(BACKUPS, f"tracking_state={state}") for state in states} == {
        **dict.fromkeys(states, 0),
        **found.backups.by_tracking_state,
    }
    for word, n in found.volumes.by_protection.items():
        assert matching(VOLUMES, f"protection={word}") == n
    running_now = matching(BACKUPS, "status=creating&tracking_state=fresh")
    assert (found.in_flight_total, len(found.in_flight)) == (running_now, running_now)
    for item in found.attention:
        if item.query:
            listing = VOLUMES if "protection" in item.query else BACKUPS
            assert item.what == "cloud" or matching(listing, item.query) == item.count


def states(found: Summary) -> list[tuple[str, str, str, int]]:
    return [(one.what, one.id, one.state, one.count) for one in found.attention]


def test_five_hundred_stale_backups_of_a_silent_cloud_are_one_item() -> None:
    for n in range(1, 501):
        backup(n, stale_at=NOON - H)
    error = {
        "class": "unavailable",
        "message": "No route to host.",
        "since": "2026-11-24T09:00:00Z",
    }
    Cloud.objects.filter(pk="otc").update(last_good_at=NOON - 3 * H, error=error)
    found = told()
    assert states(found) == [("cloud", "otc", "unreachable", 1)]
    [one] = found.attention
    assert one.why == "No route to host. What is known of 500 backups in it is old."
    assert (one.since, one.query) == (NOON - 3 * H, "cloud=otc&tracking_state=stale")
    assert found.volumes.by_protection == {"unknown": 500}


def test_stale_backups_of_a_cloud_that_answers_are_one_item() -> None:
    for n in (1, 2, 3):
        backup(n, stale_at=NOON)
    found = told()
    assert ("cloud", "otc", "stale", 3) in states(found)
    assert ("cloud", "otc", "unknown", 3) in states(found)


def test_the_worst_comes_first() -> None:
    Cloud.objects.filter(pk="eu").update(last_good_at=NOON - H)
    backup(1, NOON - 40 * H)
    backup(2, status="error_deleting", fail_reason="busy")
    backup(3, NOON - H, status="creating", volume_id="disk-4", stuck_at=NOON)
    backup(4)
    backup(5, status="error", fail_reason="VolumeBackup.0040")
    backup(6, NOON - 9 * H, status="creating", volume_id="disk-4")
    found = told()
    assert [(one.state, one.what) for one in found.attention] == [
        ("unreachable", "cloud"),
        ("overdue", "volume"),
        ("never", "volume"),
        ("never", "volume"),
        ("error", "backup"),
        ("stuck", "backup"),
        ("error_deleting", "backup"),
    ]
    assert [one for one in found.attention if not one.why or not one.next] == []


def test_many_overdue_disks_of_a_cloud_are_one_item_and_few_are_named() -> None:
    for n in range(1, 12):
        backup(n, NOON - (40 + n) * H)
    backup(12, NOON - 40 * H, cloud="eu")
    found = told()
    assert states(found) == [("volume", "disk-12", "overdue", 1), ("cloud", "otc", "overdue", 11)]
    assert [one.since for one in found.attention] == [NOON - 14 * H, NOON - 25 * H]


def test_equal_failures_are_one_item_with_its_list() -> None:
    for n in range(1, 4):
        backup(
            n, NOON - n * H, status="error", fail_reason=f"timed out after {n} s", volume_id=None
        )
    [one] = told().attention
    assert (one.count, one.title, one.since) == (3, "3 backups", NOON - 3 * H)
    assert matching(BACKUPS, one.query) == 3


def test_a_failure_that_a_good_backup_followed_is_done_with() -> None:
    backup(1, NOON - 2 * H, status="error", volume_id="disk")
    backup(2, NOON - H, volume_id="disk")
    backup(3, NOON - 3 * H, status="error_deleting", volume_id="disk")
    assert states(told()) == [("backup", str(uuid.UUID(int=3)), "error_deleting", 1)]


def test_what_is_gone_or_in_a_cloud_no_longer_configured_asks_for_nothing(settings: Any) -> None:
    backup(1, status="error", gone_at=NOON, volume_id=None)
    backup(2, status="error", cloud="eu", volume_id=None)
    settings.CLOUDS = {"otc": None}
    assert told().attention == ()


def test_a_reader_of_one_cloud_sees_only_that() -> None:
    backup(1, chain_size_mb=5)
    backup(2, cloud="eu", status="error", chain_size_mb=7)
    found = told(access=Access(Role.VIEWER, frozenset(["otc"])))
    assert (found.backups.total, found.volumes.total, found.chain_size_mb, found.attention) == (
        1,
        1,
        5,
        (),
    )
    assert (
        sum(day.good for day in found.outcomes_by_day),
        sum(day.failed for day in found.outcomes_by_day),
    ) == (1, 0)
    assert told(access=Access(Role.VIEWER, frozenset())).backups.total == 0


def test_days_are_those_of_the_readers_zone() -> None:
    backup(1, NOON - 12 * H - M)
    utc, berlin = told(), told(zone=ZoneInfo("Europe/Berlin"))
    assert [day.good for day in utc.outcomes_by_day[-2:]] == [1, 0]
    assert [day.good for day in berlin.outcomes_by_day[-2:]] == [0, 1]


def test_missed_backups_are_counted_on_their_days_even_while_the_gap_is_open() -> None:
    Volume.objects.create(cloud_id="otc", volume_id="disk", first_seen_at=NOON - 9 * DAY)
    backup(1, NOON - 8 * DAY, volume_id="disk")
    backup(2, NOON - 5 * DAY, volume_id="disk")
    found = told()
    missed = {day.day.day: day.missed for day in found.outcomes_by_day if day.missed}
    assert missed == {17: 1, 18: 1, 20: 1, 21: 1, 22: 1, 23: 1}


def test_growth_is_told_with_its_uncertainty() -> None:
    for n in range(10):
        backup(
            n,
            NOON - (9 - n) * DAY,
            volume_id="disk",
            kind="incremental",
            chain_size_mb=1000 + 100 * n,
        )
    found = told().growth
    assert (found.points[0].mb, found.points[-1].mb) == (1000, 1900)
    assert found.sentence == "Growing by 100 ± 0 MB a day."


@pytest.mark.parametrize("n", [1, 3])
def test_a_summary_takes_thirteen_queries(n: int) -> None:
    for i in range(n):
        backup(3 * i + 1, status="error")
        backup(3 * i + 2, status="creating")
        backup(3 * i + 3, NOON - 50 * H)
    told()
    with CaptureQueriesContext(connection) as queries:
        summary(NOON, access=FULL_ACCESS)
    assert len(queries) == 13


def test_deriving_in_any_order_leaves_the_same_days() -> None:
    for n in range(1, 9):
        backup(n, NOON - n * 7 * H, volume_id=f"disk-{n % 3}", chain_size_mb=100 * n)
    first = told()
    Backup.objects.filter(pk__in=[uuid.UUID(int=n) for n in (2, 3)]).delete()
    told()
    backup(2, NOON - 14 * H, volume_id="disk-2", chain_size_mb=200)
    backup(3, NOON - 21 * H, volume_id="disk-0", chain_size_mb=300)
    again = told()
    assert (again.outcomes_by_day, again.growth) == (first.outcomes_by_day, first.growth)
    assert Counter(day.good for day in again.outcomes_by_day)[0] < 30


def double(number: int, same_as: int, **words: Any) -> None:
    backup(number, **words)
    Backup.objects.filter(pk=uuid.UUID(int=number)).update(same_as=uuid.UUID(int=same_as))


def test_what_two_services_show_is_counted_once() -> None:
    backup(1, status="available")
    double(2, 1, status="available")
    double(3, 1, status="error")
    double(4, 1, status="creating")
    told()
    counted = summary(NOON, access=FULL_ACCESS)
    assert (counted.backups.total, counted.backups.by_status) == (1, {"available": 1})
    assert counted.backups.by_tracking_state == {"fresh": 1}
    assert counted.in_flight == ()
    assert {item.what for item in counted.attention} <= {"volume"}


def test_a_try_that_failed_in_the_other_service_of_the_project_says_why() -> None:
    Cloud.objects.filter(name="otc").update(other_service="eu")
    Cloud.objects.filter(name="eu").update(other_service="otc", counts_disks=False)
    words = {"status": "error", "fail_reason": "BackupService.6114: The vault is full."}
    backup(1, NOON - H, cloud="eu", **words)
    Volume.objects.create(cloud_id="otc", volume_id="disk-1", first_seen_at=NOON - 9 * DAY)
    told()
    incidents = told().incidents
    of_disk = [incident for incident in incidents if incident.kind == "backups_fail"]
    assert of_disk
    assert all("gave no reason" not in str(incident) for incident in of_disk)


def test_an_index_of_them_alone_leads_to_what_is_counted_elsewhere() -> None:
    doubles = Backup.objects.doubles(FULL_ACCESS).order_by()
    with CaptureQueriesContext(connection) as queries:
        count_doubles(doubles, [], NOON)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {queries.captured_queries[0]['sql']}")
            plan = str(cursor.fetchall())
        assert "INDEX backup_same_as" in plan, plan
