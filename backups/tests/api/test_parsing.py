"""Bodies of calls: which encodings and types are read, and what the others are told."""

import codecs
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backups.models import Backup, Cloud, Volume
from backups.tests.accounts import make_operator
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]
JSON = "application/json"
ID = "5a2c9ad0-4ae5-4b4c-a0d2-3a1b0a3a7e11"
VOLUME = "8f1f3c5e-2a07-4f0c-9d3f-6a2f31c5b0aa"
NEW_VOLUME = "8f1f3c5e-2a07-4f0c-9d3f-6a2f31c5b0ab"
BODY = json.dumps({"cloud": "otc", "ids": [ID]})
UMLAUTS = json.dumps({"cloud": "otc", "ids": [ID, "täglich"]}, ensure_ascii=False)
CURE = "JSON is sent as UTF-8 (RFC 8259)."


@pytest.fixture
def api(client: Client, settings: Any, tmp_path: Path) -> Client:
    configure(settings, tmp_path, silent("otc"))
    Cloud.objects.create(name="otc")
    Volume.objects.create(cloud_id="otc", volume_id=VOLUME, first_seen_at=timezone.now())
    client.force_login(make_operator("script"))
    return client


def post(api: Client, body: bytes, content_type: str = JSON) -> Any:
    return api.generic("POST", "/api/backups/", body, content_type=content_type)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (BODY.encode("utf-8-sig"), JSON),
        (UMLAUTS.encode("utf-8-sig"), JSON),
        (UMLAUTS.encode("utf-8-sig"), f"{JSON}; charset=utf-8"),
        (UMLAUTS.encode("utf-8-sig"), f'{JSON}; charset="UTF-8"'),
        (UMLAUTS.encode("utf-8-sig"), f"{JSON};charset=utf-8-sig"),
        (UMLAUTS.encode("utf-8-sig"), f"{JSON}; charset=UTF8-BOM"),
        (codecs.BOM_UTF8 + b"\r\n\t " + BODY.encode(), JSON),
        (UMLAUTS.encode(), "Application/JSON; Charset=utf8; profile=x"),
        (UMLAUTS.encode(), f"{JSON}; charset=utf-16"),
        (BODY.encode(), f"{JSON}; charset=iso-8859-1"),
        (BODY.encode(), f"{JSON}; charset=nonsense"),
        (BODY.encode(), f"{JSON}; charset=hex"),
        (BODY.encode(), f"{JSON}; charset=undefined"),
        (BODY.encode(), f"{JSON}; charset="),
    ],
)
def test_utf_8_is_read_with_and_without_a_mark(api: Client, body: bytes, content_type: str) -> None:
    answer = post(api, body, content_type)
    assert (answer.status_code, answer.json()["added"]) == (201, [ID])


@pytest.mark.parametrize(
    ("body", "content_type", "detail"),
    [
        (BODY.encode("utf-16"), JSON, f"The body is UTF-16: {CURE}"),
        (BODY.encode("utf-16"), f"{JSON}; charset=utf-16", f"The body is UTF-16: {CURE}"),
        (BODY.encode("utf-16-le"), JSON, f"The body is UTF-16: {CURE}"),
        (BODY.encode("utf-16-be"), JSON, f"The body is UTF-16: {CURE}"),
        (codecs.BOM_UTF16_BE + BODY.encode("utf-16-be"), JSON, f"The body is UTF-16: {CURE}"),
        (codecs.BOM_UTF16_LE + BODY.encode(), JSON, f"The body is UTF-16: {CURE}"),
        (BODY.encode("utf-32"), JSON, f"The body is UTF-32: {CURE}"),
        (BODY.encode("utf-32-be"), JSON, f"The body is UTF-32: {CURE}"),
        (BODY.encode("utf-32-le"), f"{JSON}; charset=utf-8", f"The body is UTF-32: {CURE}"),
        (
            UMLAUTS.encode("latin-1"),
            JSON,
            f"The body is not UTF-8: byte 68 begins no character. {CURE}",
        ),
        (
            UMLAUTS.encode("cp1252"),
            f"{JSON}; charset=windows-1252",
            "The body is not UTF-8: byte 68 begins no character, and its Content-Type says "
            f"charset=windows-1252. {CURE}",
        ),
        (codecs.BOM_UTF8, JSON, "The body is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (
            codecs.BOM_UTF8 + b'{"cloud": ',
            JSON,
            "The body is not JSON: Expecting value: line 1 column 11 (char 10)",
        ),
    ],
)
def test_another_encoding_is_refused_by_name(
    api: Client, body: bytes, content_type: str, detail: str
) -> None:
    answer = post(api, body, content_type)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["detail"] == detail
    assert not Backup.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", f"/api/volumes/otc/{VOLUME}/", {"label": "Täglich"}, 200),
        ("POST", "/api/volumes/", {"cloud": "otc", "volume_id": NEW_VOLUME}, 201),
        ("POST", "/api/backups/refresh/", {"ids": [ID]}, 202),
        ("POST", "/api/backups/tag/", {"ids": [ID], "add": ["grün"]}, 200),
        ("POST", "/api/backups/untrack/", {"ids": [ID]}, 200),
        ("PATCH", f"/api/backups/{ID}/", {"note": "Grüße"}, 200),
        ("PUT", "/api/rules/tags/gold/", {"period_seconds": 3600, "grace_seconds": 60}, 204),
        ("PUT", "/api/rules/clouds/otc/", {"period_seconds": 3600, "grace_seconds": 60}, 204),
        ("PUT", "/api/views/Täglich/", {"query": "status=error"}, 200),
    ],
)
def test_every_call_that_writes_passes_over_the_mark(
    api: Client, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    assert post(api, BODY.encode()).status_code == 201
    text = json.dumps(body, ensure_ascii=False)
    answer = api.generic(method, path, text.encode("utf-8-sig"), content_type=JSON)
    assert answer.status_code == status


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "application/merge-patch+json", "text/plain", "a/yaml"],
)
def test_a_type_that_is_not_read_is_415(api: Client, content_type: str) -> None:
    answer = post(api, BODY.encode("utf-8-sig"), content_type)
    sentence = f"The Content-Type is “{content_type}”: send JSON, as application/json."
    assert (answer.status_code, answer.json()["detail"]) == (415, sentence)


@pytest.mark.parametrize(
    ("path", "is_known"),
    [("/api/backups", True), (f"/api/backups/{ID}/refresh", True), ("/api/backup", False)],
)
def test_an_address_that_lacks_its_slash_is_told_so(api: Client, path: str, is_known: bool) -> None:
    for answer in (api.get(path), api.post(path)):
        cure = ": write a slash at its end." if is_known else "."
        expected = f"There is nothing at {path}{cure}"
        assert (answer.status_code, answer.json()["detail"]) == (404, expected)
