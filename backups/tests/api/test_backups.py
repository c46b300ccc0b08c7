import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from backups.edits import tracking
from backups.models import ApiToken, Backup, Cloud
from backups.models.token import digest
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.tests.accounts import make_operator
from backups.tests.described import DescribedClient
from backups.tests.otc import configure, silent
from backups.vbs import payload

pytestmark = [pytest.mark.either, pytest.mark.django_db]
SEED_ID = "2ef47aee-8844-490c-804d-2a8efe561c65"


@pytest.fixture(autouse=True)
def otc(settings: Any, tmp_path: Any) -> None:
    """One configured cloud that nobody asks anything here."""
    configure(settings, tmp_path, silent("otc"))


@pytest.fixture
def api() -> Client:
    client = DescribedClient()
    client.force_login(make_operator("operator"))
    return client


def token(*flags: str) -> str:
    if not User.objects.filter(username="robot").exists():
        make_operator("robot")
    from io import StringIO

    out = StringIO()
    call_command("create_token", "robot", *flags, stdout=out)
    return out.getvalue().strip()


def track(*bodies: dict[str, Any]) -> None:
    """Add these bodies' IDs and store the bodies as answers of the cloud."""
    now = timezone.now()
    tracking.add(cloud="otc", values=[body["id"] for body in bodies], now=now)
    apply(
        "otc",
        [Fetched(uuid.UUID(body["id"]), now, answer=payload.receive(body)) for body in bodies],
    )


def test_every_sample_is_listed_and_shown_with_the_same_words(
    api: Client, sample: dict[str, Any]
) -> None:
    track(sample)
    one = api.get(f"/api/backups/{sample['id']}/").json()
    assert api.get("/api/backups/").json() == {"next": None, "previous": None, "results": [one]}
    decoded = payload.decode(sample).columns()
    plain = {k: v for k, v in decoded.items() if not k.endswith("_at") and k != "data_timestamp"}
    assert {k: one[k] for k in plain} == json.loads(json.dumps(plain))
    assert (one["tracking_state"], one["cloud"], one["error"]) == ("fresh", "otc", None)


def test_raw_gives_the_envelope_as_it_came(api: Client, sample: dict[str, Any]) -> None:
    track(sample)
    raw = api.get(f"/api/backups/{sample['id']}/raw/").json()
    assert raw["body"] == {"backup": payload.decode(sample).raw}
    assert raw["http_status"] == 200


def test_adding_tells_new_known_and_invalid_apart(api: Client) -> None:
    body = {"cloud": "otc", "ids": [SEED_ID, SEED_ID.upper(), "nonsense"]}
    first = api.post("/api/backups/", body, content_type="application/json")
    assert (first.status_code, first.json()["added"], first.json()["already_tracked"]) == (
        201,
        [SEED_ID],
        [],
    )
    assert [one["value"] for one in first.json()["invalid"]] == ["nonsense"]
    again = api.post("/api/backups/", body, content_type="application/json")
    assert (again.status_code, again.json()["added"], again.json()["already_tracked"]) == (
        200,
        [],
        [SEED_ID],
    )
    assert api.get(f"/api/backups/{SEED_ID}/").json()["tracking_state"] == "pending"


LINK = f"https://vbs.example:8776/v2/7c1f0c2d9b6e4a0f8d35a1e2b4c6d8f0/backups/{SEED_ID}"


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "\t\n", "\x00", "a\x00b", "\x1b", "\x7f", "\ud800", "\udfff\ud800", "\u200b"),
        *("x", "null", "0", "-", ",", ";", "{}", "[]", "[", "{", "|", "id", "\u00e4", "\U0001f600"),
        *(
            "x" * 5000,
            "9" * 5000,
            "[" * 5000,
            " " * 5000,
            "\x00" * 5000,
            SEED_ID[:-1],
            f"{SEED_ID}0",
        ),
        *("a b", "not an ID at all", "a,b;c", "a\nb", '["a", "b"]', '{"id": "a"}', "id,name\nx,y"),
        *(f"volume_id: {SEED_ID[:-1]}0", f"| volume_id | {SEED_ID[:-1]}1 |", "| ID |\n| x |"),
        *(str(uuid.UUID(int=0)), "https://vbs.example/v2/p/backups/detail", "../../admin/"),
    ],
)
def test_every_text_gets_a_verdict_whatever_it_holds(api: Client, text: str) -> None:
    other = str(uuid.UUID(int=7))
    body = json.dumps({"cloud": "otc", "ids": [SEED_ID, text, other]})
    answer = api.post("/api/backups/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["added"]) == (201, [SEED_ID, other])
    [invalid] = answer.json()["invalid"]
    assert invalid["reason"]
    assert len(invalid["value"]) < 2500
    if text.isprintable() and len(text) < 100:
        assert invalid["value"] == text
    alone = json.dumps({"cloud": "otc", "ids": [text]})
    answer = api.post("/api/backups/", alone, content_type="application/json")
    assert (answer.status_code, len(answer.json()["invalid"])) == (200, 1)


@pytest.mark.parametrize(
    ("value", "called"),
    [
        (None, "null"),
        (5, "a number"),
        (1.5, "a number"),
        (True, "true or false"),
        (False, "true or false"),
        ([SEED_ID], "a list"),
        ({"id": SEED_ID}, "an object"),
        ([], "a list"),
        ({}, "an object"),
    ],
)
def test_another_type_among_the_ids_refuses_the_call_and_names_its_place(
    api: Client, value: object, called: str
) -> None:
    body = json.dumps({"cloud": "otc", "ids": [SEED_ID, "x", "y", value]})
    answer = api.post("/api/backups/", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["errors"] == {"ids.3": [f"ids[3] is {called}: write each one as a text."]}
    assert not Backup.objects.exists()


def test_one_backup_in_many_spellings_is_added_once(api: Client) -> None:
    spellings = [
        SEED_ID,
        SEED_ID.upper(),
        SEED_ID.replace("-", ""),
        f"{{{SEED_ID}}}",
        LINK,
        SEED_ID,
    ]
    body = {"cloud": "otc", "ids": spellings}
    first = api.post("/api/backups/", body, content_type="application/json")
    assert first.json() == {"added": [SEED_ID], "already_tracked": [], "invalid": []}
    again = api.post("/api/backups/", body, content_type="application/json")
    assert again.json() == {"added": [], "already_tracked": [SEED_ID], "invalid": []}


def test_too_many_ids_are_counted_before_any_is_read(api: Client) -> None:
    for ids in ([None] * 10_001, [SEED_ID] * 10_001, [""] * 10_001):
        body = json.dumps({"cloud": "nowhere", "ids": ids})
        answer = api.post("/api/backups/", body, content_type="application/json")
        assert (answer.status_code, "10,001" in answer.json()["detail"]) == (413, True)
    body = json.dumps({"cloud": "otc", "ids": [SEED_ID] * 10_000})
    assert api.post("/api/backups/", body, content_type="application/json").status_code == 201


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ('{"cloud": "nowhere", "ids": ["x"]}', 400, "cloud"),
        ('{"cloud": "otc"}', 400, "ids"),
        ('{"cloud": "otc", "ids": []}', 400, "ids"),
        ('{"cloud": "otc", "ids": null}', 400, "ids"),
        ('{"cloud": "otc", "ids": "x"}', 400, "ids"),
        ('{"cloud": "otc", "ids": {"0": "x"}}', 400, "ids"),
        ('{"cloud": "otc", "ids": 5}', 400, "ids"),
        ('{"ids": ["x"]}', 400, "cloud"),
        ('{"cloud": null, "ids": ["x"]}', 400, "cloud"),
        ('{"cloud": "", "ids": ["x"]}', 400, "cloud"),
        ('{"cloud": ["otc"], "ids": ["x"]}', 400, "cloud"),
        ('{"cloud": "otc\\u0000", "ids": ["x"]}', 400, "cloud"),
        ('{"cloud": "OTC", "ids": ["x"]}', 400, "cloud"),
        ('{"cloud": "otc", "ids": [1e400', 400, None),
        ('{"cloud": "otc", "cloud": "otc", "ids": ["x"]}', 400, None),
        ('{"cloud": "otc", "ids": [NaN]}', 400, None),
        ("[" * 50_000, 400, None),
        ("\x00", 400, None),
        (json.dumps({"cloud": "otc", "ids": ["x"] * 10_001}), 413, None),
        ('{"cloud": "otc", "ids": ["' + "x" * 6_000_000 + '"]}', 413, None),
    ],
)
def test_a_bad_body_is_a_problem_that_names_what_is_wrong(
    api: Client, body: str, status: int, field: str | None
) -> None:
    answer = api.post("/api/backups/", body, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "errors"}
    assert (problem["status"], list(problem["errors"])) == (status, [field] if field else [])
    assert problem["detail"]
    assert Backup.objects.count() == 0


@pytest.mark.parametrize(
    "query",
    [
        "colour=red",
        "limit=1001",
        "limit=0",
        "limit=x",
        "cursor=x",
        "fields=vk",
        "kind=big",
        "tracking_state=old",
    ],
)
def test_an_unknown_word_or_value_is_refused_by_name(api: Client, query: str) -> None:
    answer = api.get(f"/api/backups/?{query}")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [query.partition("=")[0]])


def test_cursor_pages_hold_every_backup_once(api: Client) -> None:
    ids = [str(uuid.uuid4()) for _ in range(7)]
    tracking.add(cloud="otc", values=ids, now=timezone.now())
    seen, url = [], "/api/backups/?limit=3&fields=id"
    while url:
        page = api.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
    assert seen == sorted(ids)


def test_the_list_costs_the_same_queries_for_one_row_and_for_three(
    api: Client, django_assert_num_queries: Any
) -> None:
    for count in (1, 3):
        tracking.add(
            cloud="otc", values=[str(uuid.uuid4()) for _ in range(count)], now=timezone.now()
        )
        # Session, user, role, two for the version, rows with and without created_at.
        with django_assert_num_queries(7):
            api.get("/api/backups/")


def test_filters_with_a_repeated_key_mean_or_and_null_is_a_value(api: Client) -> None:
    track({"id": SEED_ID, "status": "error"}, {"id": str(uuid.uuid4()), "status": "available"})
    tracking.add(cloud="otc", values=[str(uuid.uuid4())], now=timezone.now())
    counts = {q: len(api.get(f"/api/backups/?{q}").json()["results"]) for q in FILTERED}
    assert counts == FILTERED


FILTERED = {
    "status=error": 1,
    "status=error&status=available": 2,
    "status=null": 1,
    "status=x": 0,
    "cloud=otc": 3,
}


def test_untracking_removes_and_refreshing_queues(api: Client) -> None:
    track({"id": SEED_ID, "status": "error"})
    assert api.post(f"/api/backups/{SEED_ID}/refresh/").json() == {"queued": 1}
    assert api.delete(f"/api/backups/{SEED_ID}/").status_code == 204
    for call in (api.get, api.delete):
        assert call(f"/api/backups/{SEED_ID}/").status_code == 404
    assert api.post(f"/api/backups/{SEED_ID}/refresh/").status_code == 404


def test_tokens_open_the_api_and_read_only_ones_may_not_write(client: Client) -> None:
    assert client.get("/api/backups/").status_code == 401
    assert client.get("/api/backups/", headers={"Authorization": "Token wrong"}).status_code == 401
    for scheme, flags, status in (("Token", (), 200), ("Bearer", ("--read-only",), 403)):
        headers = {"Authorization": f"{scheme} {token(*flags)}"}
        assert client.get("/api/backups/", headers=headers).status_code == 200
        body = {"cloud": "otc", "ids": ["nonsense"]}
        posted = client.post(
            "/api/backups/", body, content_type="application/json", headers=headers
        )
        assert posted.status_code == status


def test_an_expired_token_is_refused_and_no_key_is_kept(client: Client) -> None:
    key = token("--days", "1")
    stored = ApiToken.objects.get()
    assert stored.hashed == digest(key)
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get("/api/backups/", headers={"Authorization": f"Token {key}"}).status_code == 401


def test_clouds_summary_schema_and_unknown_paths_answer(api: Client) -> None:
    track({"id": SEED_ID, "status": "creating", "service_metadata": None})
    [cloud] = api.get("/api/clouds/").json()
    assert (cloud["name"], cloud["tracked"], cloud["api"], cloud["type_full"]) == (
        "otc",
        1,
        "vbs",
        1,
    )
    summary = api.get("/api/summary/").json()
    assert (summary["backups"]["by_status"]["creating"], summary["backups"]["total"]) == (1, 1)
    assert summary["in_flight"] == [SEED_ID]
    assert api.get("/api/schema/").status_code == 200
    missing = api.get("/api/nothing/")
    assert (missing.status_code, missing["Content-Type"]) == (404, "application/problem+json")


def test_the_reading_of_type_turns_when_three_answers_speak_for_it(api: Client) -> None:
    bodies = [
        {
            "id": str(uuid.UUID(int=n + 1)),
            "status": "available",
            "service_metadata": '{"Type": 0}',
            "description": '{"DESC": "", "INC": 0}',
        }
        for n in range(3)
    ]
    track(*bodies[:2])
    assert set(Backup.objects.values_list("kind", "kind_conflict")) == {("full", True)}
    track(bodies[2])
    assert set(Backup.objects.values_list("kind", "kind_source", "kind_conflict")) == {
        ("full", "type", False)
    }
    cloud = Cloud.objects.get()
    assert (cloud.type_votes_0, cloud.type_votes_1, cloud.type_interpretation) == (3, 0, "vbs_0")
