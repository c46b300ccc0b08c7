"""What browsers are told with each answer: where scripts come from, who may frame and load it, and
whether it may be kept.
"""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from backups.edits import tokens
from backups.tests.routes import routes
from backups.tests.stories.test_page_questions import have

pytestmark = [pytest.mark.either, pytest.mark.django_db]
STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
RULES = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
DOCS = "/api/docs/"
STATIC = "/static/vbsdash/vbsdash.css"
# What Django answers, refuses or redirects by itself, beside all routes.
OTHERS = (
    "/admin/auth/user/",
    "/admin/login/",
    "/nothing/here/",
    "/api/nothing/",
    "/api/backups/?limit=x",
    "/backups",
    STATIC,
)


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator"))
    return client


def policy(answer: Any) -> dict[str, str]:
    directives = answer.headers["Content-Security-Policy"].split(";")
    return dict(directive.strip().split(" ", 1) for directive in directives)


def test_every_answer_has_the_rules_and_none_that_is_made_for_somebody_is_kept(
    web: Client, settings: Any, tmp_path: Any
) -> None:
    have(1, settings, tmp_path)
    stranger = Client()
    wrong = []
    for path in (*routes().values(), *OTHERS):
        for client in (web, stranger):
            answer: Any = client.get(path)
            # Its end closes its file; `close()` would close the test's own connection too.
            answer.getvalue()
            # Swagger UI has pictures within its style sheet.
            more = {"img-src": "'self' data:"} if path == DOCS else {}
            is_kept = "no-store" not in answer.headers.get("Cache-Control", "")
            rules = {name: answer.headers.get(name) for name in RULES}
            if rules != RULES or policy(answer) != STRICT | more or is_kept != (path == STATIC):
                wrong.append((path, answer.headers))
            if "camera=()" not in answer.headers.get("Permissions-Policy", ""):
                wrong.append((path, answer.headers))
    assert wrong == []


def test_a_script_may_keep_what_it_asks_about_again(
    web: Client, settings: Any, tmp_path: Any
) -> None:
    """And is told that it has not changed, as a browser is that has it on the screen."""
    have(1, settings, tmp_path)
    user = User.objects.get(username="operator")
    key = tokens.create(user=user, now=timezone.now()).key
    readers = {
        "private, no-cache": (Client(), {"Authorization": f"Bearer {key}"}),
        "no-store, private": (web, {}),
    }
    for expected, (client, headers) in readers.items():
        first = client.get("/api/backups/", headers=headers)
        again = client.get("/api/backups/", headers={**headers, "If-None-Match": first["ETag"]})
        answers = [(answer.status_code, answer["Cache-Control"]) for answer in (first, again)]
        assert answers == [(200, expected), (304, expected)]
