"""The backup quota of a cloud, and when it is used up."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backups.analysis.growth import Change
from backups.clouds import quota, registry
from backups.models import Cloud
from backups.refresh import dispatcher
from backups.reports.growth import growth_of
from backups.simulator import Fault, Simulator
from backups.tests.facts import NOON
from backups.tests.otc import running
from backups.vbs.clouds import load_clouds
from backups.vbs.errors import ConfigurationError
from backups.vbs.quota import Quota, Resource, decode, decode_used

H = timedelta(hours=1)


@pytest.fixture
def sim(settings: Any, tmp_path: Any) -> Iterator[Simulator]:
    """A simulated cloud `otc`, configured and known to speak VBS."""
    with running(settings, tmp_path) as sim:
        Cloud.objects.update(seen_vbs=True)
        yield sim


def needed() -> bool:
    return any(need.work == "read_quota" for need in dispatcher.needs(timezone.now()))


@pytest.mark.django_db
def test_the_quota_is_asked_for_once_a_day(sim: Simulator) -> None:
    assert needed()
    assert (quota.read_due("otc"), quota.read_due("otc"), needed()) == (1, 0, False)
    row = Cloud.objects.get()
    assert (quota.in_force(row), row.quota_error) == (Quota(20, 1000), None)
    assert row.quota_due_at is not None
    assert quota.is_due(row, row.quota_due_at)


@pytest.mark.django_db
def test_a_quota_that_is_set_is_not_asked_for(sim: Simulator, settings: Any) -> None:
    settings.CLOUDS = {"otc": replace(settings.CLOUDS["otc"], quota_gigabytes=500)}
    assert (needed(), quota.in_force(Cloud.objects.get())) == (False, Quota(None, 500))


@pytest.mark.django_db
def test_stock_cinder_is_not_asked(sim: Simulator) -> None:
    Cloud.objects.update(seen_vbs=False)
    assert not needed()


@pytest.mark.django_db
def test_a_cloud_that_refuses_leaves_a_sentence_with_the_cure(settings: Any, tmp_path: Any) -> None:
    with running(settings, tmp_path, quota_allowed=False):
        Cloud.objects.update(seen_vbs=True, quota_backups=7)
        now = timezone.now()
        assert quota.read("otc", now) == 0
    row = Cloud.objects.get()
    refusal = r"Policy doesn't allow backup:quota to be performed \(request req-[0-9a-f-]{36}\)"
    error = rf"The quota was not read: {refusal}\. {re.escape(quota.BY_HAND)}"
    assert re.fullmatch(error, row.quota_error or "")
    assert (row.quota_due_at, row.quota_backups) == (now + 24 * H, 7)


@pytest.mark.django_db
def test_a_sign_in_that_is_refused_here_is_the_clouds_trouble(sim: Simulator) -> None:
    """Nothing is asked for an hour then, so nothing else would say why."""
    sim.fault(Fault("refused_sign_in"))
    quota.read("otc", timezone.now())
    row = Cloud.objects.get()
    assert registry.is_sign_in_paused(row, timezone.now())
    assert row.error is not None
    assert (row.error["class"], row.error["http_status"]) == ("unauthorized", 401)


@pytest.mark.django_db
@pytest.mark.parametrize("odd", [0, -1, 4])
def test_an_odd_limit_counts_when_it_is_told_twice(sim: Simulator, odd: int) -> None:
    """No limit any more, none at all, or fewer than there are."""
    assert quota.read("otc", timezone.now()) == 1
    known = quota.in_force(Cloud.objects.get())
    Cloud.objects.update(listed=5)
    same = {"type": "backup_gigabytes", "quota": 1000}
    told = decode({"quotas": {"resources": [{"type": "backups", "quota": odd}, same]}})
    quota.store(Cloud.objects.get(), told, timezone.now())
    cloud = Cloud.objects.get()
    assert quota.in_force(cloud) == known
    assert (
        cloud.quota_error
        == "The quota of backups that was told is doubted until another answer says the same."
    )
    assert cloud.quota_due_at == timezone.now() + H
    quota.store(cloud, told, timezone.now())
    cloud = Cloud.objects.get()
    assert (quota.in_force(cloud), cloud.quota_error) == (
        Quota(None if odd == -1 else odd, known.gigabytes),
        None,
    )


@pytest.mark.parametrize("written", ["many", "-1", "1.5", "true", "'20'"])
def test_a_quota_that_is_no_number_stops_the_start(tmp_path: Any, written: str) -> None:
    file = tmp_path / "clouds.yaml"
    auth = "auth_type: token, auth: {auth_url: 'http://x/v3', token: t}"
    file.write_text(f"clouds: {{otc: {{{auth}, vbs_quota_backups: {written}}}}}")
    with pytest.raises(
        ConfigurationError, match="vbs_quota_backups is no quota: write a whole number"
    ):
        load_clouds({"OS_CLIENT_CONFIG_FILE": str(file)}, cwd=tmp_path, home=tmp_path)


@pytest.mark.parametrize(
    ("resources", "found"),
    [
        (
            [{"type": "backups", "quota": 20}, {"type": "backup_ gigabytes", "quota": 500}],
            {"backups": 20, "gigabytes": 500},
        ),
        (
            [{"type": "backups", "quota": -1}, {"type": "backup_gigabytes", "quota": "9"}],
            {"backups": None, "gigabytes": 9},
        ),
        ([{"type": "backups", "quota": -2}, {"type": "backup_gigabytes", "quota": "many"}], {}),
        ([{"type": "backups", "quota": True}, 7, None, {}], {}),
        ("none", {}),
        (None, {}),
    ],
)
def test_what_can_be_read_of_a_quota(resources: Any, found: dict[str, int | None]) -> None:
    assert decode({"quotas": {"resources": resources}}) == found
    assert decode({"quotas": resources}) == {}


@pytest.mark.django_db
def test_what_the_cloud_counts_as_used_is_kept_and_decides_when_the_quota_ends(
    sim: Simulator,
) -> None:
    assert quota.read("otc", timezone.now()) == 1
    row = Cloud.objects.get()
    used = len(sim.ids)
    assert (row.quota_used_backups, quota.in_force(row).used_backups) == (used, used)
    today = NOON.date()
    changed = {"otc": {today - timedelta(days=n): Change(0, 2, 10) for n in range(30)}}
    [limit] = growth_of(changed, {"otc": Quota(100, None, used_backups=80)}, NOON).limits
    assert (limit.used, limit.told, limit.percent) == (60, 80, 80)
    assert limit.ends_on == today + timedelta(days=10)
    assert limit.sentence == (
        "Of 100 backups that otc allows, the cloud counts 80, 60 are known here; the rest lasts "
        "about 10 days at this pace."
    )
    limits: dict[Resource, int | None] = {"backups": 100, "gigabytes": None}
    quota.store(row, limits, NOON)
    assert Cloud.objects.get().quota_used_backups is None


@pytest.mark.parametrize(
    ("entry", "used"),
    [
        ({"used": 7}, {"backups": 7}),
        ({"used": "7"}, {"backups": 7}),
        ({"used": -1}, {}),
        ({"used": None}, {}),
        ({}, {}),
    ],
)
def test_what_can_be_read_of_what_is_used(entry: dict[str, Any], used: dict[str, int]) -> None:
    resources: list[Any] = [{"type": "backups"} | entry, {"type": "volumes", "used": 5}]
    assert decode_used({"quotas": {"resources": resources}}) == used


def test_the_quota_that_is_used_up_first_comes_first() -> None:
    today = NOON.date()
    changed = {
        "otc": {today - timedelta(days=n): Change(0, 2, 10) for n in range(30)},
        "eu": {today: Change(0, 5, 5)},
    }
    quotas = {"otc": Quota(100, 1000), "eu": Quota(5, 9), "none": Quota(None, None)}
    assert [one.sentence for one in growth_of(changed, quotas, NOON).limits] == [
        "Of 5 backups that eu allows, 5 are known here: there is no room for more.",
        "Of 100 backups that otc allows, 60 are known here; if these are all, "
        "the rest lasts about 20 days at this pace.",
        "Of 1\u202f000 GB that otc allows, 300 GB are known here; if these are all, "
        "the rest lasts about 70 days at this pace.",
        "Of 9 GB that eu allows, 5 GB are known here; not enough data to say how long the "
        "rest lasts.",
    ]
