"""What is going to break by what the clouds plan."""

import uuid
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backups.models import (
    FULL_ACCESS,
    Access,
    Backup,
    Cloud,
    PolicyMember,
    PolicyRevision,
    Role,
    StoredDay,
    Vault,
    Volume,
)
from backups.reports.coming import ComingEvent, coming
from backups.reports.data_version import versions
from backups.tests.facts import NOON
from backups.tests.policy_rows import DAY, NIGHT, members, policy, read_policies, run, vault
from backups.vbs.policies import Retention

pytestmark = pytest.mark.django_db
LAST_NIGHT = NIGHT - DAY
H = timedelta(hours=1)


@pytest.fixture(autouse=True)
def clouds(settings: Any) -> None:
    shown = {"region": None, "type_full": "auto", "requests_per_second": 5, "follow": "all"}
    none = {"quota_backups": None, "quota_gigabytes": None}
    settings.CLOUDS = {
        name: SimpleNamespace(name=name, api=api, **shown, **none)
        for name, api in (("otc", "vbs"), ("eu", "cbr"))
    }
    for name in settings.CLOUDS:
        Cloud.objects.create(name=name, follow="all")
    read_policies("otc", "eu")


def told(access: Access = FULL_ACCESS) -> dict[str, ComingEvent]:
    return {event.kind: event for event in coming(NOON, access=access)}


def test_more_than_the_quota_is_planned() -> None:
    row = policy(1, claimed=2, retention=asdict(Retention(count=10)))
    members(row, ["a", "b"])
    Cloud.objects.filter(name="otc").update(quota_backups=15, quota_used_backups=14)
    event = told()["quota_backups"]
    assert (event.cloud, event.policy_id, event.at) == ("otc", "policy-1", NIGHT)
    assert "20 backups" in event.sum
    assert "the quota is 15 backups" in event.sum


def test_backups_by_hand_stand_beside_those_of_the_policy() -> None:
    row = policy(1, claimed=1, retention=asdict(Retention(count=19)))
    members(row, ["a"])
    for n in range(20):
        name = f"autobk_{n}" if n < 18 else f"manual {n}"
        Backup.objects.create(
            id=uuid.UUID(int=n),
            cloud_id="otc",
            volume_id="a",
            name=name,
            status="available",
            tracked_at=NOON,
            created_at=NOON - DAY,
        )
    event = told()["backups_per_disk"]
    assert event.volume_id == "a"
    assert "has 20 now, beside 2 that it did not make" in event.sum
    Backup.objects.filter(name="manual 19").update(status="error")
    Backup.objects.filter(name="manual 18").update(gone_at=NOON)
    assert "backups_per_disk" not in told()


def test_runs_that_take_longer_than_their_slot() -> None:
    hourly = {"calendar": "vbs", "hours": [f"{hour:02}:00" for hour in range(24)], "frequency": 1}
    row = policy(1, claimed=2, schedule=hourly)
    members(row, ["a", "b"])
    for n in range(1, 4):
        run(row, "a", NOON - n * H, "made", duration_seconds=60)
        run(row, "b", NOON - n * H, "made", duration_seconds=5400)
        run(row, "b", NOON - n * H - DAY, "failed", duration_seconds=10)
    assert "1 h 30 min" in told()["run_too_long"].sum


def test_a_policy_that_is_off_says_since_when() -> None:
    row = policy(1, claimed=1, enabled=False)
    members(row, ["a"])
    PolicyRevision.objects.all().delete()
    for days, enabled in ((9, False), (7, True), (5, False), (3, False)):
        PolicyRevision.objects.create(policy=row, since=NOON - days * DAY, enabled=enabled)
    assert f"off since {NOON - 5 * DAY:%Y-%m-%d}" in told()["policy_off"].sum


def test_a_disk_that_left_its_policy() -> None:
    row = policy(1, claimed=1)
    members(row, ["a", "b", "c", "d"])
    PolicyMember.objects.exclude(volume_id="a").update(until=NOON - DAY)
    PolicyMember.objects.filter(volume_id="d").update(until=NOON - 31 * DAY)
    Volume.objects.filter(volume_id="c").update(deleted_at=NOON)
    left = [event for event in coming(NOON, access=FULL_ACCESS) if event.kind == "disk_left_policy"]
    assert [event.volume_id for event in left] == ["b"]
    exempt = Volume.objects.filter(volume_id="b")
    exempt.update(exempt_reason="scratch", exempt_until=NOON + H)
    assert "disk_left_policy" not in told()
    exempt.update(exempt_until=NOON)
    assert "disk_left_policy" in told()


def test_a_disk_that_left_its_policy_may_be_in_one_of_the_other_service() -> None:
    row = policy(1, claimed=1)
    members(row, ["a", "b"])
    PolicyMember.objects.filter(volume_id="b").update(until=NOON - DAY)
    Cloud.objects.filter(name="otc").update(other_service="eu")
    Cloud.objects.filter(name="eu").update(other_service="otc")
    assert "disk_left_policy" in told()
    # Who may not see it is told no more than who may see that it was not read.
    assert "disk_left_policy" not in told(Access(Role.VIEWER, frozenset(["otc"])))
    Cloud.objects.filter(name="eu").update(policies_read_at=NOON - DAY)
    assert "disk_left_policy" not in told()
    # A service that has ended promises nothing.
    Cloud.objects.filter(name="eu").update(service_ended_at=NOON - DAY)
    assert "disk_left_policy" in told()


def test_a_full_vault_and_a_policy_without_a_disk() -> None:
    row = policy(1, cloud="eu", api="cbr")
    vault(1, [row], size_gb=10, used_mb=10 * 1024)
    events = told()
    assert events["vault_full"].vault_id == "vault-1"
    assert events["policy_without_disk"].policy_id == "policy-1"
    Vault.objects.update(is_whole=False)
    assert "policy_without_disk" not in told()


@pytest.mark.parametrize(
    "columns",
    [
        {"policies_read_at": NOON - 4 * H},
        {"policies_read_at": None},
        {"service_ended_at": NOON},
    ],
)
def test_what_is_old_foretells_nothing(columns: dict[str, Any]) -> None:
    policy(1, claimed=0)
    assert set(told()) == {"policy_without_disk"}
    Cloud.objects.filter(name="otc").update(**columns)
    assert told() == {}


def test_only_what_is_in_an_open_cloud_is_told() -> None:
    policy(1, claimed=0)
    policy(2, cloud="eu", claimed=0)
    [event] = coming(NOON, access=Access(Role.VIEWER, frozenset({"eu"})))
    assert event.cloud == "eu"


@pytest.mark.parametrize("number", [1, 3])
def test_three_policies_ask_no_more_than_one(number: int) -> None:
    for n in range(number):
        row = policy(n, enabled=n != 0)
        members(row, [f"a{n}", f"b{n}"])
        vault(n, [row], cloud="otc")
        run(row, f"a{n}", LAST_NIGHT, "made")
    with CaptureQueriesContext(connection) as asked:
        coming(NOON, access=FULL_ACCESS)
    assert len(asked) == 9


@pytest.mark.django_db(transaction=True)
def test_it_is_gathered_once_for_each_reading() -> None:
    policy(1, claimed=0)
    read = versions(NOON)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(coming(NOON, access=FULL_ACCESS, versions=read)) == 1
        return len(queries)

    assert [asked(), asked()] == [8, 1]
    read_policies("otc", at=NOON + timedelta(minutes=1))
    assert asked() == 8


def test_a_quota_that_growth_uses_up_is_foretold_where_the_plans_are_silent() -> None:
    policy(1)
    for days_ago in range(20):
        StoredDay.objects.create(
            cloud_id="otc",
            day=(NOON - days_ago * DAY).toordinal(),
            mb=0,
            backups=10,
            gb=0,
        )
    assert "quota_backups" not in told()
    Cloud.objects.filter(name="otc").update(quota_backups=300)
    event = told()["quota_backups"]
    assert (event.cloud, event.at) == ("otc", datetime(2026, 12, 4, tzinfo=UTC))
    assert "300 backups that otc allows" in event.sum


def test_a_vault_that_fills_day_by_day_is_foretold() -> None:
    row = policy(1, cloud="eu")
    full = vault(1, [row], cloud="eu")
    used = {
        (NOON - days_ago * DAY).date().isoformat(): 900 * 1024 - days_ago * 10 * 1024
        for days_ago in range(20)
    }
    Vault.objects.filter(pk=full.pk).update(
        size_gb=1000, used_mb=900 * 1024, auto_expand=False, used_by_day=used
    )
    event = told()["vault_full"]
    assert event.at is not None
    assert event.at.date() == (NOON + 10 * DAY).date()
