"""Addresses and headers that somebody made up: paths that lead elsewhere, line breaks, forged
places in lists, things of others, and `If-None-Match: *` for what there is not.
"""

import base64
import json
import uuid
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from backups.models import SavedView
from backups.tests.accounts import make_operator
from backups.tests.routes import VALUES, routes
from backups.tests.stories.test_hostile_texts import BACKUP, web

__all__ = ["web"]  # the fixture
pytestmark = [pytest.mark.either, pytest.mark.django_db]
NOBODY = str(uuid.UUID(int=99))
MISSING = (
    f"/api/backups/{NOBODY}/",
    f"/api/backups/{NOBODY}/raw/",
    f"/api/backups/{NOBODY}/revisions/",
    "/api/volumes/otc/none/",
    "/api/volumes/none/vol-1/",
    "/api/rules/tags/none/",
    "/api/rules/clouds/none/",
    "/api/clouds/none/backups/",
    f"/backups/{NOBODY}/",
    "/volumes/otc/none/",
    "/volumes/none/vol-1/",
)
THERE = ("/backups/", f"/backups/{BACKUP}/", "/api/backups/", f"/api/backups/{BACKUP}/")
TRICKS = (
    "..",
    "../admin",
    "%2e%2e",
    "%2e%2e%2fadmin",
    "..;",
    "x;y=z",
    "%252e%252e",
    "//example.org",
    "/etc/passwd",
    "%00",
    "%0d%0aX-Injected:%201",
    "%ff%fe",
    "%E2%80%A8",
    "x" * 3000,
)
LINE_BREAKS = ("x\r\nX-Injected: 1", "x\nSet-Cookie: injected=1", "x\rX-Injected: 1", "x\u2028y")


def test_any_version_of_what_there_is_not_is_not_unchanged(web: Client) -> None:
    for path in MISSING:
        for more in ({}, {"HX-Request": "true"}):
            answer = web.get(path, headers={"If-None-Match": "*", **more})
            assert (path, answer.status_code in (404, 405)) == (path, True)
        assert web.head(path, headers={"If-None-Match": "*"}).status_code in (404, 405)


def test_any_version_of_what_there_is_is_the_answer_itself(web: Client) -> None:
    for path in THERE:
        answer = web.get(path, headers={"If-None-Match": " * ", "HX-Request": "true"})
        assert (path, answer.status_code) == (path, 200)


def test_a_stranger_is_told_of_no_version(client: Client) -> None:
    for path in (*MISSING, *THERE, "/metrics"):
        answer = client.get(path, headers={"If-None-Match": "*"})
        assert (path, answer.status_code in (302, 401)) == (path, True)


def _addresses_with(trick: str) -> list[str]:
    """Returns the address of each route with `trick` in the place of each of its parameters."""
    addresses = []
    for route in routes():
        for name in VALUES:
            placeholder = f":{name}>"
            if placeholder in route or f"<{name}>" in route:
                addresses.append(_filled(route, name, trick))
    return addresses


def _filled(route: str, name: str, trick: str) -> str:
    address = f"/{route}"
    for known, value in VALUES.items():
        for start in ("<", "<str:", "<uuid:", "<int:", "<path:", "<slug:"):
            address = address.replace(f"{start}{known}>", trick if known == name else quote(value))
    return address


def test_no_trick_in_a_path_leads_out_of_it_or_breaks_it(web: Client) -> None:
    web.raise_request_exception = False
    failed: list[str] = []
    for trick in TRICKS:
        for address in _addresses_with(trick):
            for method in (web.get, web.post):
                answer = method(address)
                if answer.status_code >= 500:
                    failed.append(address)
                _check_headers(answer)
    assert failed == []


def _check_headers(answer: Any) -> None:
    """A redirect leads to an address of ours, and no header holds a line break or is somebody's."""
    for name, value in answer.items():
        assert ("\r" in value, "\n" in value) == (False, False), (name, value)
    assert "X-Injected" not in answer.headers
    assert "injected" not in answer.cookies
    location = answer.headers.get("Location", "/")
    assert location.startswith(("/", "?")), location
    assert not location.startswith(("//", "/\\")), location


@pytest.mark.parametrize("text", LINE_BREAKS, ids=range(len(LINE_BREAKS)))
def test_a_line_break_in_an_input_gets_into_no_header(web: Client, text: str) -> None:
    web.raise_request_exception = False
    encoded = quote(text)
    forms: list[tuple[str, dict[str, str]]] = [
        ("/backups/add/", {"cloud": text, "backup_ids": text}),
        ("/backups/add/", {"cloud": "otc", "backup_ids": text, "next": text}),
        ("/accounts/login/", {"username": text, "password": text, "next": f"/{text}"}),
        ("/accounts/logout/", {"next": f"/{text}"}),
    ]
    for route, address in routes().items():
        answer = web.get(
            f"{address}?{encoded}={encoded}&next=/{encoded}&q={encoded}&view={encoded}"
        )
        # Without a worker nothing is ready, and says so.
        assert (route, answer.status_code < 500) == (route, route != "readyz")
        _check_headers(answer)
        words = dict.fromkeys(("next", "query", "name", "note", "tag", "theme"), f"/{text}")
        forms.append((address, words))
    for address, words in forms:
        answer = web.post(address, words)
        assert (address, answer.status_code < 500) == (address, True)
        _check_headers(answer)
    for header in ("Referer", "Accept-Language", "X-Request-ID", "HX-Current-URL", "Origin"):
        answer = web.get("/backups/", headers={header: text.encode().decode("latin-1")})
        assert (header, answer.status_code < 500) == (header, True)
        _check_headers(answer)


def _cursor(parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


FORGED = (
    "x",
    "%00",
    _cursor([]),
    _cursor({}),
    _cursor(["backups"]),
    _cursor(["volumes", "-created_at", 0]),
    _cursor(["backups", "-created_at", 0, 0, "2026-13-99", NOBODY]),
    _cursor(["backups", "-created_at", 0, 10**30, None, NOBODY]),
    _cursor(["backups", "-created_at", 0, 0, {"a": 1}, NOBODY]),
    _cursor(["backups", "-created_at", 0, 0, None, "1 OR 1=1"]),
    _cursor(["backups", "id", 0, 0, None, "'; DROP TABLE backups_backup; --"]),
    "A" * 9000,
)


def test_a_forged_cursor_is_refused_in_a_sentence(web: Client) -> None:
    for path in ("/api/backups/", "/api/volumes/", "/backups/", "/volumes/"):
        for cursor in FORGED:
            answer = web.get(path, {"cursor": cursor})
            refused = b"begin with the first page" in answer.content
            assert (path, cursor, answer.status_code, refused) == (path, cursor, 400, True)


def test_a_view_of_somebody_else_is_none_by_its_number_or_name(web: Client) -> None:
    owner = make_operator("somebody-else")
    view = SavedView.objects.create(user=owner, name="secret", query="q=hidden-words")
    before = SavedView.objects.filter(pk=view.pk).values().get()
    for route in routes():
        if "view_id" in route:
            assert web.post(_filled(route, "view_id", str(view.pk))).status_code == 404
    for method in (web.get, web.delete, web.patch, web.head):
        assert method("/api/views/secret/").status_code in (404, 405)
    for asked in (str(view.pk), "secret"):
        assert b"hidden-words" not in web.get("/backups/", {"view": asked}).content
    assert SavedView.objects.filter(pk=view.pk).values().get() == before
