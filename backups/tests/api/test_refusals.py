"""An answer does not grow with the mistakes in the question: the first few are named,
the rest is counted.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backups.bench.refusals import ALLOWED, LARGEST_REFUSAL, VOLUME, put, questions
from backups.models import Backup, Cloud, Volume
from backups.tests.accounts import make_operator
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]
JSON = "application/json"


@pytest.fixture
def api(client: Client, settings: Any, tmp_path: Path) -> Client:
    configure(settings, tmp_path, silent("otc"))
    Cloud.objects.create(name="otc")
    Volume.objects.create(cloud_id="otc", volume_id=VOLUME, first_seen_at=timezone.now())
    client.force_login(make_operator("script"))
    return client


@pytest.mark.parametrize("name", questions("otc"))
def test_a_body_full_of_mistakes_is_refused_in_a_short_answer(api: Client, name: str) -> None:
    question = questions("otc")[name]
    assert ALLOWED * 0.3 < len(question.body) <= ALLOWED
    answer = put(api, question)
    assert answer.status_code in (400, 413)
    assert answer["Content-Type"] == "application/problem+json"
    assert len(answer.content) <= LARGEST_REFUSAL
    assert len(answer.json()["errors"]) <= 11
    assert not Backup.objects.exists()


def test_the_first_ten_mistakes_are_named_and_the_rest_is_counted(api: Client) -> None:
    body = {f"key{n}": n for n in range(1000)}
    errors = api.post("/api/backups/", body, content_type=JSON).json()["errors"]
    assert list(errors) == [*(f"key{n}" for n in range(10)), "…"]
    assert errors["…"] == ["990 more mistakes are not named here."]
    wrong = {"cloud": "otc", "ids": [*range(12)]}
    errors = api.post("/api/backups/", wrong, content_type=JSON).json()["errors"]
    assert list(errors) == [*(f"ids.{n}" for n in range(10)), "…"]
    assert errors["…"] == ["2 more mistakes are not named here."]


def test_eleven_mistakes_are_all_named(api: Client) -> None:
    errors = api.get("/api/summary/", {f"key{n}": n for n in range(11)}).json()["errors"]
    assert list(errors) == [f"key{n}" for n in range(11)]


def test_filters_that_are_none_are_named_and_counted_on_pages_too(api: Client) -> None:
    query = {f"key{n}": n for n in range(500)}
    page = api.get("/backups/", query)
    assert (page.status_code, page.content.decode().count('role="alert"')) == (400, 11)
    assert "490 more mistakes are not named here." in page.content.decode()
    assert len(page.content) <= LARGEST_REFUSAL
    answer = api.get("/api/backups/", query)
    assert (answer.status_code, len(answer.json()["errors"])) == (400, 11)


def test_each_text_gets_a_verdict_whatever_it_holds(api: Client) -> None:
    texts = ["", "  ", "nonsense", "[]", "id,name\n", "x" * 4_000_000, "a\x00b", "\ud800"]
    answer = api.post(
        "/api/backups/", json.dumps({"cloud": "otc", "ids": texts}), content_type=JSON
    )
    assert answer.status_code == 200
    invalid = answer.json()["invalid"]
    assert [one["value"] for one in invalid] == [
        *("", "  ", "nonsense", "[]", "id,name\n"),
        f"{'x' * 200}… (4\u202f000\u202f000 characters)",
        "a\ufffdb",
        "?",
    ]
    assert all(one["reason"] for one in invalid)
