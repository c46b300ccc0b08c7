"""When a disk has no room for another backup, and when a cloud's quota is used up: on pages
and in the API.
"""

import uuid
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backups.derived.volumes import derive
from backups.models import FULL_ACCESS, Backup, Cloud
from backups.reports import cloud_states
from backups.reports import growth as limits
from backups.tests.accounts import make_operator
from backups.tests.otc import configure, silent

pytestmark = pytest.mark.django_db
FEW = "not enough data to say how long the rest lasts."


@pytest.fixture(autouse=True)
def otc(settings: Any, tmp_path: Any) -> None:
    """A cloud that answered a moment ago and told its quota."""
    configure(settings, tmp_path, silent("otc", vbs_follow="all"))
    now = timezone.now()
    heard = {"last_good_at": now, "attempted_at": now, "backups_listed_at": now}
    Cloud.objects.create(name="otc", follow="all", quota_backups=100, quota_gb=1000, **heard)


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def nightly(n: int, volume: str = "db-01") -> None:
    """A disk with a backup of each of the last n days."""
    now = timezone.now()
    for day in range(n):
        Backup.objects.create(
            id=uuid.uuid4(),
            cloud_id="otc",
            volume_id=volume,
            status="available",
            kind="incremental",
            size=10,
            chain_size_mb=1000 - 10 * day,
            created_at=now - timedelta(days=day),
            tracked_at=now,
            refreshed_at=now,
            stale_at=now + timedelta(hours=1),
        )
    derive("otc", [volume], now)


def reads(web: Client, path: str) -> str:
    return unescape(web.get(path).content.decode())


@pytest.mark.parametrize(
    ("n", "sentence"),
    [
        (2, f"Of at most 20 backups of a disk, 2 are known here; {FEW}"),
        (
            17,
            "Of at most 20 backups of a disk, 17 are known here; if these are all, "
            "the rest lasts about 3 days at this pace.",
        ),
        (20, "Of at most 20 backups of a disk, 20 are known here: there is no room for more."),
    ],
)
def test_a_disk_tells_when_it_has_twenty_backups(web: Client, n: int, sentence: str) -> None:
    nightly(n)
    assert sentence in reads(web, "/volumes/otc/db-01/")
    growth = web.get("/api/volumes/otc/db-01/").json()["growth"]
    assert [one["sentence"] for one in growth["limits"]] == [sentence]
    assert growth["points"][-1]["mb"] == 1000
    assert growth["sentence"] in reads(web, "/volumes/otc/db-01/")


@pytest.mark.parametrize(
    ("n", "sentences"),
    [
        (
            2,
            (
                f"Of 100 backups that otc allows, 2 are known here; {FEW}",
                f"Of 1\u202f000 GB that otc allows, 20 GB are known here; {FEW}",
            ),
        ),
        (
            10,
            (
                "Of 100 backups that otc allows, 10 are known here; if these are all, "
                "the rest lasts about 90 days at this pace.",
                "Of 1\u202f000 GB that otc allows, 100 GB are known here; if these are all, "
                "the rest lasts about 90 days at this pace.",
            ),
        ),
    ],
)
def test_a_cloud_tells_when_its_quota_is_used_up(
    web: Client, n: int, sentences: tuple[str, str]
) -> None:
    nightly(n)
    for path in ("/clouds/", "/volumes/growing/"):
        page = reads(web, path)
        assert [one for one in sentences if one not in page] == []
    [cloud] = web.get("/api/clouds/").json()
    assert sorted(one["sentence"] for one in cloud["growth"]["limits"]) == sorted(sentences)
    assert web.get("/api/summary/").json()["growth"]["limits"] == cloud["growth"]["limits"]


def test_a_cloud_that_tells_no_quota_says_why_unless_one_is_set(web: Client, settings: Any) -> None:
    Cloud.objects.update(
        quota_backups=None, quota_gb=None, quota_error="The quota was not read: forbidden."
    )
    nightly(3)
    assert "The quota was not read: forbidden." in reads(web, "/clouds/")
    assert web.get("/api/clouds/").json()[0]["quota_error"] == "The quota was not read: forbidden."
    assert "No quota is known of any cloud" in reads(web, "/volumes/growing/")
    settings.CLOUDS = {"otc": replace(settings.CLOUDS["otc"], quota_backups=4)}
    page = reads(web, "/clouds/")
    assert (
        "Of 4 backups that otc allows, 3 are known here; if these are all, "
        "the rest lasts about 1 day at this pace." in page
    )
    assert "The quota was not read" not in page


def test_the_growth_of_all_clouds_takes_two_queries_and_their_states_seven() -> None:
    nightly(5)
    with CaptureQueriesContext(connection) as growth:
        limits.of_clouds(timezone.now(), access=FULL_ACCESS)
    with CaptureQueriesContext(connection) as states:
        cloud_states.states(timezone.now(), access=FULL_ACCESS)
    assert (len(growth), len(states)) == (2, 7)
