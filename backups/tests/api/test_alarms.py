"""Alarms, silences and deliveries over the API: who may read and take what, and when an answer is
another one.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from backups.alarms import channels_file
from backups.models import Cloud, Delivery, Role, Silence
from backups.query.alarms import STAGES
from backups.reports.alarms import ALARM_FIELDS
from backups.reports.deliveries import DELIVERY_FIELDS
from backups.reports.silences import SILENCE_FIELDS
from backups.tests.accounts import make_account
from backups.tests.alarms.rows import make_alarm, make_delivery, make_one_of_each
from backups.tests.described import DescribedClient

pytestmark = [pytest.mark.either, pytest.mark.django_db]
HOUR = timedelta(hours=1)


def signed_in(name: str, **words: Any) -> Client:
    client = DescribedClient()
    client.force_login(make_account(name, **words))
    return client


@pytest.fixture
def api() -> Client:
    return signed_in("ada", role=Role.OPERATOR)


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    return client.generic(method, path, json.dumps(body or {}), content_type="application/json")


def listed(client: Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


def test_alarms_are_filtered_by_stage_paged_and_have_all_words(api: Client) -> None:
    now = timezone.now()
    make_one_of_each(now)
    make_alarm("d-more", acknowledged_at=None)
    [taken] = listed(api, "/api/alarms/?stage=acknowledged")
    assert tuple(taken) == ALARM_FIELDS
    assert (taken["acknowledged_by"], taken["muted"]) == ("bob", None)
    assert [row["stage"] for row in listed(api, "/api/alarms/")] == [
        "open",
        "open",
        "acknowledged",
        "pending",
        "closed",
    ]
    seen: list[str] = []
    address = "/api/alarms/?limit=2&fields=subject&ordering=opened_at"
    while address:
        page = api.get(address).json()
        seen += [row["subject"] for row in page["results"]]
        address = page["next"]
    assert sorted(seen) == ["d-more", "d-new", "d-open", "d-over", "d-taken"]
    for wrong in ("stage=new", "colour=red", "cursor=x", "ordering=title"):
        refused = api.get(f"/api/alarms/?{wrong}")
        assert (refused.status_code, list(refused.json()["errors"])) == (400, [wrong.split("=")[0]])
    for missing in ("4711", "9" * 25):
        assert api.get(f"/api/alarms/{missing}/").status_code == 404
        assert api.get(f"/api/silences/{missing}/").status_code == 404
        assert send(api, "DELETE", f"/api/silences/{missing}/").status_code == 404
        assert send(api, "POST", f"/api/deliveries/{missing}/redeliver/").status_code == 404
        assert api.post(f"/alarms/deliveries/{missing}/again/").status_code == 404
    assert set(STAGES) == {"pending", "open", "acknowledged", "muted", "closed"}


def test_an_alarm_is_taken_and_given_back(api: Client) -> None:
    now = timezone.now()
    alarm = make_alarm("d-1")
    over = make_alarm("d-2", closed_at=now)
    address = f"/api/alarms/{alarm.pk}/acknowledge/"
    answer = send(api, "POST", address, {"reason": "On it."}).json()
    assert (answer["stage"], answer["acknowledged_by"], answer["acknowledged_reason"]) == (
        "acknowledged",
        "ada",
        "On it.",
    )
    assert send(api, "POST", f"/api/alarms/{over.pk}/acknowledge/").status_code == 409
    assert send(api, "POST", address, {"why": "x"}).status_code == 400
    assert send(api, "DELETE", address).status_code == 204
    assert api.get(f"/api/alarms/{alarm.pk}/").json()["stage"] == "open"
    assert send(api, "DELETE", "/api/alarms/4711/acknowledge/").status_code == 404


def test_silences_are_begun_shown_and_ended(api: Client) -> None:
    make_alarm("d-1")
    until = (timezone.now() + HOUR).isoformat()
    body = {"query": "cloud=otc", "reason": "Works.", "ends_at": until}
    begun = send(api, "POST", "/api/silences/", body)
    assert begun.status_code == 201
    silence = begun.json()
    assert tuple(silence) == SILENCE_FIELDS
    assert (silence["state"], silence["mutes"], silence["by"]) == ("holds", 1, "ada")
    [muted] = listed(api, "/api/alarms/?stage=muted")
    assert muted["muted"]["silence"] == silence["id"]
    nightly = {"cron": "0 22 * * *", "duration_seconds": 3600, "zone": "Europe/Berlin"}
    assert send(api, "POST", "/api/silences/", {"query": "", "reason": "x", **nightly}).json()[
        "state"
    ] == ("planned")
    wrong: dict[str, dict[str, Any]] = {
        "query": {"query": "stage=open"},
        "ends_at": {"ends_at": None},
        "cron": {"cron": "x", "duration_seconds": 60},
        "reason": {"reason": ""},
        "colour": {"colour": "red"},
    }
    for field, words in wrong.items():
        refused = send(api, "POST", "/api/silences/", {**body, **words})
        assert (refused.status_code, list(refused.json()["errors"])) == (400, [field])
    address = f"/api/silences/{silence['id']}/"
    assert send(api, "DELETE", address).status_code == 204
    assert api.get(address).json()["state"] == "over"
    assert len(listed(api, "/api/silences/?state=over")) == 1
    assert len(listed(api, "/api/silences/?state=planned&state=holds")) == 1
    assert api.get("/api/silences/?tag=x").status_code == 400
    assert send(api, "DELETE", "/api/silences/4711/").status_code == 404


def test_deliveries_tell_their_tries_and_are_sent_again(
    api: Client, settings: Any, tmp_path: Any
) -> None:
    sent = make_delivery(make_alarm("d-1"))
    [row] = listed(api, "/api/deliveries/")
    assert tuple(row) == DELIVERY_FIELDS
    assert (row["event_id"], row["tells"]) == (str(sent.event_id), {"opened": 1})
    assert [attempt["http_status"] for attempt in row["tries"]] == [204]
    assert listed(api, "/api/deliveries/?channel=x&state=sent") == []
    address = f"/api/deliveries/{sent.pk}/redeliver/"
    refused = send(api, "POST", address)
    assert (refused.status_code, "is not configured" in refused.json()["detail"]) == (409, True)
    settings.CHANNELS_FILE = tmp_path / "channels.yaml"
    settings.CHANNELS_FILE.write_text(
        "channels: {ops: {kind: webhook, url: 'http://127.0.0.1:9/', secret: x}}"
    )
    channels_file.forget()
    again = send(api, "POST", address)
    assert (again.status_code, again.json()["state"]) == (202, "waiting")
    assert again.json()["event_id"] == str(sent.event_id)
    assert send(api, "POST", address).status_code == 409
    assert send(api, "POST", "/api/deliveries/4711/redeliver/").status_code == 404


def test_who_sees_another_cloud_finds_takes_and_mutes_nothing_here() -> None:
    Cloud.objects.create(name="west")
    alarm = make_alarm("d-1")
    sent = make_delivery(alarm)
    until = timezone.now() + HOUR
    now = timezone.now()
    wide = Silence.objects.create(
        query="", reason="theirs", by="bob", made_at=now, begins_at=now, ends_at=until
    )
    other = signed_in("eve", role=Role.OPERATOR, clouds=["west"])
    for path in ("/api/alarms/", "/api/silences/", "/api/deliveries/"):
        assert listed(other, path) == [], path
    calls: list[tuple[str, str]] = [
        ("GET", f"/api/alarms/{alarm.pk}/"),
        ("POST", f"/api/alarms/{alarm.pk}/acknowledge/"),
        ("DELETE", f"/api/alarms/{alarm.pk}/acknowledge/"),
        ("GET", f"/api/silences/{wide.pk}/"),
        ("DELETE", f"/api/silences/{wide.pk}/"),
        ("POST", f"/api/deliveries/{sent.pk}/redeliver/"),
    ]
    for method, path in calls:
        assert send(other, method, path).status_code == 404, (method, path)
    body = {"query": "cloud=otc", "reason": "x", "ends_at": until.isoformat()}
    assert send(other, "POST", "/api/silences/", body).status_code == 400
    assert send(other, "POST", "/api/silences/", {**body, "query": "cloud=west"}).status_code == 201
    alarm.refresh_from_db()
    assert (alarm.acknowledged_at, Delivery.objects.get().state) == (None, "sent")
    viewer = signed_in("vera", role=Role.VIEWER)
    assert len(listed(viewer, "/api/alarms/")) == 1
    for method, path in calls:
        if method != "GET":
            assert send(viewer, method, path).status_code == 403, (method, path)


def test_an_answer_is_another_one_when_time_alone_begins_or_ends_a_silence(
    api: Client, clock: time_machine.Traveller
) -> None:
    now = timezone.now()
    clock.move_to(now.replace(minute=1, second=0, microsecond=0))
    now = timezone.now()
    make_alarm("d-1")
    Silence.objects.create(
        query="",
        reason="x",
        by="ada",
        made_at=now,
        begins_at=now + timedelta(minutes=2),
        ends_at=now + timedelta(minutes=4),
    )

    def ask(path: str) -> Callable[[], int]:
        tag = api.get(path)["ETag"]
        return lambda: api.get(path, headers={"If-None-Match": tag}).status_code

    for path in ("/api/alarms/", "/api/silences/"):
        clock.move_to(now)
        again = ask(path)
        statuses = []
        for _ in range(5):
            statuses.append(again())
            if statuses[-1] == 200:
                again = ask(path)
            clock.shift(60)
        assert statuses == [304, 304, 200, 304, 200], path
