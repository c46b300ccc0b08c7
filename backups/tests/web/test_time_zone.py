"""Times and rules on pages in zones whose names are easily misread."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from backups.models import Cloud
from backups.templatetags.formatting import exact
from backups.tests.accounts import make_operator
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]
AT = datetime(2026, 11, 23, 1, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "beside_utc"),
    [
        ("Etc/GMT+5", " · 2026-11-22 20:50:00 UTC\N{MINUS SIGN}5"),
        ("Etc/GMT-14", " · 15:50:00 UTC+14"),
        ("Etc/GMT+0", ""),
        ("GMT0", ""),
        ("Europe/Berlin", " · 02:50:00 Berlin"),
        ("America/New_York", " · 2026-11-22 20:50:00 New York"),
        ("Asia/Kathmandu", " · 07:35:00 Kathmandu"),
    ],
)
def test_the_exact_time_has_the_right_sign_behind_it(zone: str, beside_utc: str) -> None:
    assert exact(AT, ZoneInfo(zone)) == f"2026-11-23 01:50:00 UTC{beside_utc}"


@pytest.mark.parametrize(
    ("cookie", "sentence"),
    [
        ("Etc/GMT+5", "Etc/GMT+5 is UTC\N{MINUS SIGN}5 now."),
        ("Asia/Kolkata", "Asia/Kolkata is UTC+5:30 now."),
        ("GMT0", "GMT0 is UTC now."),
    ],
)
def test_the_form_of_a_rule_says_what_its_zone_is(
    client: Client, settings: Any, tmp_path: Path, cookie: str, sentence: str
) -> None:
    configure(settings, tmp_path, silent("otc"))
    Cloud.objects.create(name="otc")
    client.force_login(make_operator("operator"))
    client.cookies["tz"] = cookie
    words = " ".join(client.get("/volumes/rules/").content.decode().split())
    assert sentence in words


def test_a_wrong_zone_of_a_rule_is_refused_with_the_right_one(
    client: Client, settings: Any, tmp_path: Path
) -> None:
    configure(settings, tmp_path, silent("otc"))
    client.force_login(make_operator("operator"))
    body = {"cron": "0 1 * * *", "zone": "UTC+5", "grace_seconds": 60}
    answer = client.put("/api/rules/tags/gold/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        {
            "zone": [
                "'UTC+5' is no time zone. Write one like Europe/Berlin, or Etc/GMT-5 for UTC+5."
            ]
        },
    )
    body["zone"] = "etc/gmt+5"
    assert (
        client.put("/api/rules/tags/gold/", body, content_type="application/json").status_code
        == 204
    )
    assert client.get("/api/rules/").json()["tags"]["gold"]["zone"] == "Etc/GMT+5"


@pytest.mark.parametrize(
    ("zone", "status"),
    [("Etc/GMT%2B5", 200), ("Etc/GMT+5", 200), ("europe/berlin", 200), ("localtime", 400)],
)
def test_the_summary_takes_the_same_zones(client: Client, zone: str, status: int) -> None:
    client.force_login(make_operator("operator"))
    assert client.get(f"/api/summary/?zone={zone}").status_code == status
