"""Every call of the API beside the list: edits, many at once, history, table,
disks, rules, conditions, refusals.
"""

import csv
import io
import json
import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from backups.edits import tokens, tracking
from backups.models import Backup, Edit, Revision, Volume
from backups.tests.accounts import make_operator
from backups.tests.api.test_backups import otc, track
from backups.tests.described import DescribedClient

pytestmark = [pytest.mark.either, pytest.mark.django_db]
__all__ = ["otc"]
ONE, TWO, THREE = (str(uuid.UUID(int=n)) for n in (1, 2, 3))
JSON = "application/json"


@pytest.fixture
def api() -> Client:
    client = DescribedClient()
    client.force_login(make_operator("operator"))
    return client


def three() -> None:
    track(
        {
            "id": ONE,
            "status": "available",
            "volume_id": "v1",
            "name": "=1+1",
            "created_at": "2026-11-20T00:00:00.000000",
        },
        {"id": TWO, "status": "error", "volume_id": "v1", "fail_reason": 'said "no",\nthen left'},
        {"id": THREE, "status": "error", "volume_id": "v2", "name": "@x"},
    )


def problem(answer: Any, status: int, *fields: str) -> dict[str, Any]:
    """The answer is a problem of this status that names these fields."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    found: dict[str, Any] = answer.json()
    assert set(found) == {"type", "title", "status", "detail", "errors"}
    assert (found["status"], sorted(found["errors"])) == (status, sorted(fields))
    return found


def test_note_and_tags_are_set_for_the_version_that_was_read(api: Client) -> None:
    three()
    read = api.get(f"/api/backups/{ONE}/")
    tag = read["ETag"]
    assert tag.startswith('"1-')
    body = {"note": "keep", "tags": ["b", "a", "b"]}
    put = api.patch(f"/api/backups/{ONE}/", body, content_type=JSON, headers={"If-Match": tag})
    assert (put.json()["note"], put.json()["tags"], put.json()["version"]) == (
        "keep",
        ["a", "b"],
        2,
    )
    late = api.patch(
        f"/api/backups/{ONE}/", {"note": "x"}, content_type=JSON, headers={"If-Match": "1"}
    )
    assert "operator" in problem(late, 412)["detail"]
    problem(
        api.patch(f"/api/backups/{ONE}/", {}, content_type=JSON, headers={"If-Match": '"abc"'}), 412
    )
    assert (
        api.patch(
            f"/api/backups/{ONE}/", {"note": "y"}, content_type=JSON, headers={"If-Match": '"2"'}
        ).status_code
        == 200
    )
    assert list(Edit.objects.order_by("id").values_list("field", "by", "after")) == [
        ("note", "operator", "keep"),
        ("tags", "operator", ["a", "b"]),
        ("note", "operator", "y"),
    ]
    assert [row["id"] for row in api.get("/api/backups/?tag=a").json()["results"]] == [ONE]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "error"}, "status"),
        ({"tags": "x"}, "tags"),
        ({"tags": ["x" * 65]}, "tags.0"),
        ({"tags": [str(n) for n in range(51)]}, "tags"),
        ({"note": None}, "note"),
        ({"note": "\x00"}, "note"),
        ({"note": "\ud800"}, "note"),
        ([], "body"),
    ],
)
def test_what_is_no_edit_is_named(api: Client, body: Any, field: str) -> None:
    three()
    answer = api.patch(f"/api/backups/{ONE}/", json.dumps(body), content_type=JSON)
    problem(answer, 400, field)
    assert Backup.objects.get(pk=ONE).version == 1


def test_many_are_refreshed_tagged_and_untracked_by_id_or_by_filter(api: Client) -> None:
    three()
    unknown = str(uuid.UUID(int=9))
    assert api.post("/api/backups/refresh/", {"ids": [ONE, unknown]}, content_type=JSON).json() == {
        "queued": 1
    }
    by_filter = api.post("/api/backups/refresh/?status=error", content_type=JSON)
    assert (by_filter.status_code, by_filter.json()) == (202, {"queued": 2})
    tagged = api.post("/api/backups/tag/?status=error", {"add": ["bad"]}, content_type=JSON)
    assert tagged.json() == {"changed": 2}
    api.post(
        "/api/backups/tag/", {"ids": [TWO], "add": ["x"], "remove": ["bad"]}, content_type=JSON
    )
    assert dict(Backup.objects.order_by("id").values_list("id", "tags")) == {
        uuid.UUID(ONE): [],
        uuid.UUID(TWO): ["x"],
        uuid.UUID(THREE): ["bad"],
    }
    assert api.post("/api/backups/untrack/?tag=bad&tag=x", content_type=JSON).json() == {
        "untracked": 2
    }
    assert [str(pk) for pk in Backup.objects.values_list("id", flat=True)] == [ONE]


@pytest.mark.parametrize("call", ["refresh", "tag", "untrack"])
def test_many_means_ids_or_a_filter_and_never_everything_by_silence(api: Client, call: str) -> None:
    three()
    address, add = f"/api/backups/{call}/", {"add": ["x"]} if call == "tag" else {}
    problem(api.post(address, add, content_type=JSON), 400, "ids")
    problem(api.post(f"{address}?ordering=name", add, content_type=JSON), 400, "ids")
    problem(
        api.post(f"{address}?status=error", {**add, "ids": [ONE]}, content_type=JSON), 400, "ids"
    )
    problem(api.post(f"{address}?colour=red", add, content_type=JSON), 400, "colour")
    problem(api.post(address, {**add, "ids": []}, content_type=JSON), 400, "ids")
    problem(api.post(address, {**add, "ids": ["nonsense"]}, content_type=JSON), 400, "ids.0")
    problem(api.post(address, {**add, "ids": [ONE] * 10_001}, content_type=JSON), 413)
    assert (Backup.objects.count(), Backup.objects.exclude(tags=[]).count()) == (3, 0)


def test_the_history_comes_in_pages_newest_first(api: Client) -> None:
    three()
    Revision.objects.all().delete()
    now = timezone.now()
    for n in range(5):
        changes = [{"word": "progress", "before": n, "after": n + 1}]
        Revision.objects.create(backup_id=ONE, at=now + timedelta(seconds=n // 2), changes=changes)
    first = api.get(f"/api/backups/{ONE}/revisions/?limit=3").json()
    second = api.get(first["next"]).json()
    seen = [one["changes"][0]["before"] for page in (first, second) for one in page["results"]]
    assert (seen, second["next"], set(first["results"][0])) == (
        [4, 2, 3, 0, 1],
        None,
        {"at", "changes"},
    )
    problem(api.get(f"/api/backups/{ONE}/revisions/?at_after=2026-01-01"), 400, "at_after")
    problem(api.get(f"/api/backups/{uuid.UUID(int=9)}/revisions/"), 404)


def test_the_table_holds_what_the_list_holds_and_no_formula(api: Client) -> None:
    three()
    answer = api.get("/api/backups.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    listed = api.get("/api/backups/").json()["results"]
    assert [row["id"] for row in rows] == [row["id"] for row in listed]
    assert list(rows[0]) == list(listed[0])
    assert {row["id"]: row["name"] for row in rows} == {ONE: "'=1+1", TWO: "", THREE: "'@x"}
    assert rows[1]["fail_reason"] == listed[1]["fail_reason"]
    some = b"".join(api.get("/api/backups.csv?status=error&fields=id,status").streaming_content)  # type: ignore[attr-defined]
    assert some.decode().splitlines() == ["id,status", f"{TWO},error", f"{THREE},error"]


def test_the_table_taken_back_changes_nothing(api: Client) -> None:
    three()
    text = b"".join(api.get("/api/backups.csv").streaming_content).decode()  # type: ignore[attr-defined]
    before = list(Backup.objects.order_by("id").values())
    answer = api.post("/backups/add/", {"cloud": "otc", "backup_ids": text})
    assert (answer.status_code, list(Backup.objects.order_by("id").values())) == (302, before)


NEW = "11111111-1111-4111-8111-111111111111"


def test_a_disk_is_registered_read_edited_and_listed(api: Client) -> None:
    three()
    made = api.post(
        "/api/volumes/", {"cloud": "otc", "volume_id": NEW, "label": "db"}, content_type=JSON
    )
    assert (made.status_code, made.json()["label"], made.json()["protection"]) == (
        201,
        "db",
        "unknown",
    )
    assert (
        api.post("/api/volumes/", {"cloud": "otc", "volume_id": NEW}, content_type=JSON).status_code
        == 200
    )
    address = f"/api/volumes/otc/{NEW}/"
    body = {
        "label": None,
        "tags": ["prod"],
        "follow": True,
        "rule": {"period_seconds": 3600, "grace_seconds": 60},
        "exempt": {"reason": "scratch"},
    }
    put = api.patch(
        address, body, content_type=JSON, headers={"If-Match": api.get(address)["ETag"]}
    )
    found = put.json()
    assert (found["label"], found["tags"], found["follow"], found["exempt"]) == (
        None,
        ["prod"],
        True,
        {"reason": "scratch", "until": None},
    )
    assert (found["rule"]["period_seconds"], found["rule"]["from"], found["protection"]) == (
        3600,
        "disk",
        "exempt",
    )
    problem(api.patch(address, {"label": "x"}, content_type=JSON, headers={"If-Match": "1"}), 412)
    back = api.patch(address, {"rule": None, "exempt": None}, content_type=JSON).json()
    assert (back["rule"]["from"], back["exempt"]) == ("default", None)
    names = {
        q: [row["volume_id"] for row in api.get(f"/api/volumes/?{q}").json()["results"]]
        for q in VOLUMES
    }
    assert names == VOLUMES
    assert api.get("/api/volumes/?limit=2&ordering=volume_id").json()["next"] is not None


VOLUMES = {
    "ordering=volume_id": [NEW, "v1", "v2"],
    "ordering=-volume_id": ["v2", "v1", NEW],
    "tag=prod": [NEW],
    "follow=true": [NEW],
    "protection=overdue&protection=unknown&ordering=volume_id": [NEW, "v1", "v2"],
    "q=V1": ["v1"],
    "rule_from=disk": [],
}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"rule": {"period_seconds": 1}}, ["rule.period_seconds"]),
        ({"rule": {}}, ["period_seconds"]),
        ({"rule": {"cron": "x"}}, ["cron"]),
        ({"rule": {"cron": "0 3 * * *", "zone": "Mars/Base"}}, ["zone"]),
        ({"exempt": {"reason": "x", "until": "2020-01-01T00:00:00Z"}}, ["exempt"]),
        ({"exempt": {}}, ["exempt.reason"]),
        ({"protection": "protected"}, ["protection"]),
        ({"follow": "perhaps"}, ["follow"]),
    ],
)
def test_what_cannot_be_set_on_a_disk_is_named(
    api: Client, body: dict[str, Any], fields: list[str]
) -> None:
    three()
    problem(api.patch("/api/volumes/otc/v1/", body, content_type=JSON), 400, *fields)
    assert Volume.objects.get(volume_id="v1").version == 1


def test_rules_of_tags_and_clouds_are_set_listed_and_taken_away(api: Client) -> None:
    three()
    api.patch("/api/volumes/otc/v1/", {"tags": ["prod"]}, content_type=JSON)
    assert (
        api.put("/api/rules/tags/prod/", {"period_seconds": 7200}, content_type=JSON).status_code
        == 204
    )
    assert (
        api.put("/api/rules/clouds/otc/", {"cron": "0 3 * * *"}, content_type=JSON).status_code
        == 204
    )
    rules = api.get("/api/rules/").json()
    assert (rules["tags"]["prod"]["period_seconds"], rules["clouds"]["otc"]["cron"]) == (
        7200,
        "0 3 * * *",
    )
    sources = {
        row["volume_id"]: row["rule"]["from"] for row in api.get("/api/volumes/").json()["results"]
    }
    assert sources == {"v1": "tag", "v2": "cloud"}
    for address in ("/api/rules/tags/prod/", "/api/rules/clouds/otc/"):
        assert api.delete(address).status_code == 204
    assert api.get("/api/rules/").json() == {"tags": {}, "clouds": {}}
    problem(api.put("/api/rules/clouds/nowhere/", {"period_seconds": 7200}, content_type=JSON), 404)


def test_a_rule_that_somebody_changed_meanwhile_is_not_overwritten(api: Client) -> None:
    three()
    for address, of, name in (
        ("/api/rules/tags/prod/", "tags", "prod"),
        ("/api/rules/clouds/otc/", "clouds", "otc"),
    ):
        put = partial(api.put, address, content_type=JSON)
        assert put({"period_seconds": 7200}, headers={"If-Match": "0"}).status_code == 204
        changed = problem(put({"period_seconds": 60}, headers={"If-Match": "0"}), 412)
        assert changed["detail"].startswith("operator changed this meanwhile")
        assert put({"period_seconds": 3600}, headers={"If-Match": '"1"'}).status_code == 204
        problem(api.delete(address, headers={"If-Match": "1"}), 412)
        assert (rule := api.get("/api/rules/").json()[of][name])["version"] == 2
        assert (rule["period_seconds"], rule["set_by"]) == (3600, "operator")
        assert api.delete(address, headers={"If-Match": "2"}).status_code == 204
        # Taken away is changed too.
        problem(put({"period_seconds": 60}, headers={"If-Match": "2"}), 412)
        assert put({"period_seconds": 60}).status_code == 204
        assert api.get("/api/rules/").json()[of][name]["version"] == 4


def test_views_are_saved_listed_and_removed_for_their_owner_alone(api: Client) -> None:
    address = "/api/views/Failed%20ones/"
    body = {"query": "status=error&columns=size&cursor=x&q=", "is_default": True}
    saved = {
        "name": "Failed ones",
        "list": "backups",
        "query": "status=error&columns=size",
        "is_default": True,
    }
    assert api.put(address, body, content_type=JSON).json() == saved
    assert (
        api.put("/api/views/All/", {"query": "", "is_default": True}, content_type=JSON).status_code
        == 200
    )
    assert [(one["name"], one["is_default"]) for one in api.get("/api/views/").json()] == [
        ("All", True),
        ("Failed ones", False),
    ]
    problem(api.put("/api/views/x/", {"query": "colour=red"}, content_type=JSON), 400, "query")
    problem(api.put("/api/views/x/", {}, content_type=JSON), 400, "query")
    other = DescribedClient()
    other.force_login(make_operator("other"))
    assert other.get("/api/views/").json() == []
    problem(other.delete(address), 404)
    assert api.delete(address).status_code == 204


READS = (
    "/api/backups/?status=error",
    f"/api/backups/{ONE}/",
    f"/api/backups/{ONE}/raw/",
    f"/api/backups/{ONE}/revisions/",
    "/api/backups.csv",
    "/api/volumes/",
    "/api/volumes/otc/v1/",
    "/api/clouds/",
    "/api/summary/",
    "/api/failures/",
    "/api/rules/",
    "/api/views/",
)


@pytest.mark.parametrize("address", READS)
def test_a_read_that_nothing_changed_is_304_until_a_write_or_the_clock_changes_it(
    api: Client, address: str
) -> None:
    three()
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        tag = api.get(address)["ETag"]
        same = api.get(address, headers={"If-None-Match": tag})
        assert (same.status_code, same.content, same["ETag"]) == (304, b"", tag)
        api.post("/api/backups/tag/", {"ids": [ONE], "add": ["x"]}, content_type=JSON)
        written = api.get(address, headers={"If-None-Match": tag})
        assert written.status_code == 200
        stale_at = Backup.objects.order_by("-stale_at").values_list("stale_at", flat=True)[0]
        assert stale_at is not None
        clock.move_to(stale_at - timedelta(seconds=1))
        before = api.get(address)["ETag"]
        clock.move_to(stale_at)
        assert api.get(address, headers={"If-None-Match": before}).status_code == 200


def test_the_description_of_the_api_is_304_for_who_has_it(api: Client) -> None:
    tag = api.get("/api/schema/")["ETag"]
    assert api.get("/api/schema/", headers={"If-None-Match": tag}).status_code == 304


def test_two_readers_never_share_a_version(api: Client) -> None:
    three()
    mine = api.get("/api/backups/")["ETag"]
    other = Client()
    other.force_login(make_operator("other"))
    assert other.get("/api/backups/", headers={"If-None-Match": mine}).status_code == 200


def token(*clouds: str) -> dict[str, str]:
    user = User.objects.filter(username="robot").first() or make_operator("robot")
    made = tokens.create(user=user, clouds=clouds, now=timezone.now())
    return {"Authorization": f"Bearer {made.key}"}


def test_a_token_of_one_cloud_sees_and_touches_nothing_else(client: Client, settings: Any) -> None:
    three()
    settings.CLOUDS = {**settings.CLOUDS, "two": settings.CLOUDS["otc"]}
    mine = token("two")
    assert client.get("/api/backups/", headers=mine).json()["results"] == []
    assert client.get("/api/volumes/", headers=mine).json()["results"] == []
    for address in (f"/api/backups/{ONE}/", f"/api/backups/{ONE}/raw/", "/api/volumes/otc/v1/"):
        problem(client.get(address, headers=mine), 404)
    for call in (client.delete, client.patch):
        problem(call(f"/api/backups/{ONE}/", {}, content_type=JSON, headers=mine), 404)
    body = {"ids": [ONE]}
    assert client.post("/api/backups/untrack/", body, content_type=JSON, headers=mine).json() == {
        "untracked": 0
    }
    problem(
        client.post(
            "/api/backups/", {"cloud": "otc", "ids": [ONE]}, content_type=JSON, headers=mine
        ),
        400,
        "cloud",
    )
    assert Backup.objects.count() == 3


def test_every_refusal_is_a_problem(api: Client, client: Client) -> None:
    three()
    problem(api.put("/api/backups/", {}, content_type=JSON), 405)
    problem(api.post("/api/backups/", "a=1", content_type="application/x-www-form-urlencoded"), 415)
    problem(api.get("/api/backups/", headers={"Accept": "application/xml"}), 406)
    problem(api.get("/api/backups"), 404)
    problem(api.get("/api/backups/nonsense/"), 404)
    problem(api.get("/api/nothing/%00"), 404)
    problem(api.get(f"/api/backups/{ONE}/?colour=red"), 400, "colour")
    problem(api.get("/api/summary/?colour=red"), 400, "colour")
    problem(api.get("/api/backups/", HTTP_HOST="evil.example"), 400)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="operator"))
    problem(strict.post("/api/backups/", {"cloud": "otc", "ids": [ONE]}, content_type=JSON), 403)
    stranger = Client()
    for address in ("/api/backups/", "/api/nothing/", "/api/schema/", "/api/docs/"):
        problem(stranger.get(address), 401)


def test_a_database_that_is_away_is_503_with_a_time_to_come_again(client: Client) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("the server closed the connection")

    mine = token()
    with connection.execute_wrapper(away):
        answer = client.get("/api/clouds/", headers=mine)
    problem(answer, 503)
    assert answer["Retry-After"] == "10"


def test_calls_beyond_the_rate_are_429_and_every_answer_says_what_is_left(
    client: Client, settings: Any
) -> None:
    settings.API_RATE, settings.REDIS_URL = "3/minute", None
    mine, others = token(), token()
    left = [client.get("/api/clouds/", headers=mine)["RateLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = client.get("/api/clouds/", headers=mine)
    problem(refused, 429)
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert (
        refused["RateLimit-Limit"],
        refused["RateLimit-Remaining"],
        refused["RateLimit-Policy"],
    ) == (
        "3",
        "0",
        "3;w=60",
    )
    assert client.get("/api/clouds/", headers=others).status_code == 200


def test_what_a_cloud_lists_is_told_apart_by_what_is_tracked(
    api: Client, settings: Any, tmp_path: Any
) -> None:
    from backups.simulator import Simulator
    from backups.vbs.clouds import load_clouds

    with Simulator(backups=12) as simulator:
        file = tmp_path / "clouds.yaml"
        file.write_text(simulator.clouds_yaml("sim", vbs_requests_per_second=0))
        settings.CLOUDS = load_clouds(
            {"OS_CLIENT_CONFIG_FILE": str(file)}, cwd=tmp_path, home=tmp_path
        )
        first = api.get("/api/clouds/sim/backups/?limit=5").json()
        ids = [one["id"] for one in first["results"]]
        tracking.add(cloud="sim", values=ids[:1], now=timezone.now())
        again = api.get("/api/clouds/sim/backups/?limit=5").json()
        assert [one["tracked"] for one in again["results"]] == [True, False, False, False, False]
        second = api.get(first["next"]).json()
        assert not set(ids) & {one["id"] for one in second["results"]}
        failed = "/api/clouds/sim/backups/?status=error"  # these do not move
        assert (
            api.get(failed, headers={"If-None-Match": api.get(failed)["ETag"]}).status_code == 304
        )
        test = api.post("/api/clouds/sim/test/").json()
        assert (test["ok"], [step["step"] for step in test["steps"]][:2]) == (True, ["name", "tls"])
    problem(api.get("/api/clouds/sim/backups/"), 502)
    problem(api.get("/api/clouds/nowhere/backups/"), 404)
    problem(api.get("/api/clouds/sim/backups/?cursor=x"), 400, "cursor")
