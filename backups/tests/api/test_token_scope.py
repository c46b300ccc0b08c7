"""A token that opens some clouds neither sees nor touches what belongs to another."""

import json
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backups.edits import tokens
from backups.models import Alarm, Backup, Body, Cloud, Delivery, Silence, TagRule, Volume
from backups.tests.accounts import make_operator
from backups.tests.alarms.rows import make_alarm, make_delivery
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]
MINE, THEIRS = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
SECRET = "belongs-to-secret"  # in every word of the other cloud's rows


@pytest.fixture(autouse=True)
def two_clouds(settings: Any, tmp_path: Path) -> datetime:
    """`mine` and `secret`, each with a failed backup of a disk; the token of the
    tests opens `mine` alone.
    """
    configure(settings, tmp_path, silent("mine", "secret"))
    now = timezone.now()
    for cloud, backup_id in (("mine", MINE), ("secret", THEIRS)):
        words = dict.fromkeys(("name", "volume_id", "description"), f"belongs-to-{cloud}")
        Cloud.objects.create(name=cloud, last_good_at=now, attempted_at=now)
        times = {"tracked_at": now, "refreshed_at": now, "created_at": now}
        row = Backup.objects.create(id=backup_id, cloud_id=cloud, status="error", **words, **times)
        Body.objects.create(
            backup=row, received_at=now, http_status=200, text=json.dumps({"name": words["name"]})
        )
        Volume.objects.create(cloud_id=cloud, volume_id=words["volume_id"], first_seen_at=now)
    alarm = make_alarm(SECRET, cloud="secret", id=4711)
    make_delivery(alarm, channel=SECRET, id=4711)
    Silence.objects.create(
        id=4711,
        query="cloud=secret",
        reason=SECRET,
        by=SECRET,
        made_at=now,
        begins_at=now,
        ends_at=now + timedelta(hours=1),
    )
    return now


@pytest.fixture
def scoped(client: Client, two_clouds: datetime) -> Client:
    user = make_operator("robot")
    key = tokens.create(user=user, clouds=["mine"], now=two_clouds).key
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return client


def state() -> list[Any]:
    """Everything that is stored of the other cloud."""
    return [
        *Backup.objects.filter(cloud="secret").values_list(),
        *Volume.objects.filter(cloud="secret").values_list(),
        *Alarm.objects.filter(cloud="secret").values_list(),
        *Silence.objects.values_list(),
        *Delivery.objects.values_list(),
    ]


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/api/backups/",
            "/api/backups/?q=belongs",
            "/api/backups/?cloud=secret",
            "/api/backups.csv",
        ),
        *("/api/alarms/", "/api/silences/", "/api/deliveries/"),
        *("/api/volumes/", "/api/failures/", "/api/clouds/", "/api/summary/", "/metrics"),
    ],
)
def test_no_list_names_what_belongs_to_another_cloud(scoped: Client, path: str) -> None:
    answer = scoped.get(path)
    assert answer.status_code == 200
    said = b"".join(answer.streaming_content if answer.streaming else [answer.content]).decode()  # type: ignore[attr-defined]
    assert [word for word in (SECRET, THEIRS, '"secret"') if word in said] == []


def test_what_is_open_is_there(scoped: Client) -> None:
    assert [row["id"] for row in scoped.get("/api/backups/").json()["results"]] == [MINE]
    assert [row["name"] for row in scoped.get("/api/clouds/").json()] == ["mine"]
    assert scoped.get("/api/summary/").json()["backups"]["total"] == 1
    assert scoped.get(f"/api/backups/{MINE}/raw/").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *(
            f"/api/backups/{THEIRS}/",
            f"/api/backups/{THEIRS}/raw/",
            f"/api/backups/{THEIRS}/revisions/",
        ),
        *(f"/api/volumes/secret/{SECRET}/", "/api/clouds/secret/backups/"),
        *("/api/alarms/4711/", "/api/silences/4711/"),
    ],
)
def test_one_thing_of_another_cloud_is_not_there(scoped: Client, path: str) -> None:
    answer = scoped.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("patch", f"/api/backups/{THEIRS}/", {"note": "seen"}),
        ("delete", f"/api/backups/{THEIRS}/", None),
        ("post", f"/api/backups/{THEIRS}/refresh/", None),
        ("post", "/api/backups/refresh/", {"ids": [THEIRS]}),
        ("post", "/api/backups/refresh/?status=error", None),
        ("post", "/api/backups/tag/", {"ids": [THEIRS], "add": ["seen"]}),
        ("post", "/api/backups/untrack/", {"ids": [THEIRS]}),
        ("post", "/api/backups/untrack/?status=error", None),
        ("post", "/api/backups/", {"cloud": "secret", "ids": [str(uuid.UUID(int=9))]}),
        ("post", "/api/volumes/", {"cloud": "secret", "volume_id": "disk"}),
        ("patch", f"/api/volumes/secret/{SECRET}/", {"label": "seen"}),
        ("post", "/api/clouds/secret/test/", None),
        ("post", "/api/alarms/4711/acknowledge/", {}),
        ("post", "/api/silences/", {"query": "", "reason": "x", "ends_at": "2999-01-01T00:00:00Z"}),
        ("delete", "/api/silences/4711/", None),
        ("post", "/api/deliveries/4711/redeliver/", {}),
    ],
)
def test_no_write_reaches_another_cloud(scoped: Client, method: str, path: str, body: Any) -> None:
    before = state()
    answer = getattr(scoped, method)(path, body, content_type="application/json")
    assert answer.status_code < 500
    assert state() == before


@pytest.mark.parametrize("method", ["put", "delete"])
def test_the_rule_of_a_tag_counts_in_all_clouds_and_is_not_for_some(
    scoped: Client, method: str
) -> None:
    """A disk of the other cloud may carry the tag."""
    answer = getattr(scoped, method)(
        "/api/rules/tags/db/", {"period_seconds": 60}, content_type="application/json"
    )
    assert (answer.status_code, TagRule.objects.count()) == (403, 0)


def test_a_cloud_that_there_is_not_is_refused_without_the_names_of_others(scoped: Client) -> None:
    detail = scoped.get("/api/clouds/nowhere/backups/").json()["detail"]
    assert detail == "“nowhere” is no configured cloud. Configured: mine."


def test_adding_does_not_take_a_backup_out_of_a_cloud_that_the_token_does_not_open(
    scoped: Client,
) -> None:
    pending = str(uuid.UUID(int=7))
    Backup.objects.create(id=pending, cloud_id="secret", tracked_at=timezone.now())
    answer = scoped.post(
        "/api/backups/", {"cloud": "mine", "ids": [pending]}, content_type="application/json"
    )
    refused = [{"value": pending, "reason": "cannot be added to this cloud"}]
    assert answer.json() == {"added": [], "already_tracked": [], "invalid": refused}
    assert Backup.objects.get(pk=pending).cloud_id == "secret"
