"""What nobody asks by accident: refused by name or not found, never a 500, on both databases."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from backups.tests.described import description
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]
VOLUME = "/api/volumes/otc/%00/"


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("admin"))
    return client


WITH_NUL = [
    *(
        VOLUME,
        "/api/volumes/%00/x/",
        "/api/rules/clouds/%00/",
        "/api/rules/tags/%00/",
        "/api/views/%00/",
    ),
    *(
        "/api/clouds/%00/backups/",
        "/api/%00",
        "/volumes/otc/%00/",
        "/volumes/%00/x/",
        "/volumes/otc/%00/set/",
    ),
    *(
        "/volumes/otc/%00/refresh/",
        "/clouds/%00/test/",
        "/%00",
        "/admin/backups/backup/%00/change/",
    ),
]


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_a_nul_in_an_address_is_found_nowhere(web: Client, method: str) -> None:
    for path in WITH_NUL:
        answer: Any = (
            getattr(web, method)(path, "{}", content_type="application/json")
            if method != "get"
            else web.get(path)
        )
        kind = (
            "application/problem+json" if path.startswith("/api/") else "text/html; charset=utf-8"
        )
        assert (path, answer.status_code, answer["Content-Type"]) == (path, 404, kind)


@pytest.mark.parametrize(
    "path", ["/failures/?cloud=%00", "/failures/?q=%00", "/backups/?name=%00", "/volumes/?q=%00"]
)
def test_a_nul_in_a_search_of_a_page_is_no_fault_of_ours(web: Client, path: str) -> None:
    assert web.get(path).status_code in (200, 400)


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND", "get"])
def test_no_method_and_no_accept_header_breaks_a_call(web: Client, method: str) -> None:
    paths = [path.replace("{", "").replace("}", "") for path in description()["paths"]]
    for accept in ("*/*", "text/csv", "text/html", "application/yaml", "no/such", ";;;"):
        answers = {
            path: web.generic(method, path, headers={"Accept": accept})
            for path in [*paths, "/api/docs/"]
        }
        broken = {
            path: answer.status_code
            for path, answer in answers.items()
            if answer.status_code >= 500
        }
        assert (accept, broken) == (accept, {})


@pytest.mark.parametrize("path", ["/accounts/login/", "/admin/login/"])
def test_a_name_longer_than_any_account_has_is_a_wrong_name_until_it_is_locked_out(
    client: Client, path: str
) -> None:
    answers = [
        client.post(path, {"username": "x" * 100_000, "password": "x"}).status_code
        for _ in range(11)
    ]
    assert answers == [*[200] * 9, 429, 429]


@pytest.mark.parametrize("separator", [",", "\n"])
def test_more_words_than_may_be_added_are_refused_as_one(
    web: Client, settings: Any, tmp_path: Path, separator: str
) -> None:
    configure(settings, tmp_path, silent("otc"))
    many = separator.join(["word"] * 10_001)
    page = web.post("/backups/add/", {"cloud": "otc", "backup_ids": many, "preview": "1"})
    assert (
        "More than 10\u202f000 IDs at once; at most 10\u202f000 are taken." in page.content.decode()
    )
    call = {
        "cloud": "otc",
        "ids": [many[at : at + 4000].strip(separator) for at in range(0, len(many), 4000)],
    }
    assert web.post("/api/backups/", call, content_type="application/json").status_code == 413
