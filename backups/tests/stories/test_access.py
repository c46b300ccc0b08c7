"""Who opens what: a stranger only what is named here, a token the API, a read-only token no write.

Every route of the product is tried, so a new one needs no line here unless it is open to all.
"""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from backups.edits import tokens
from backups.models import Role
from backups.tests.accounts import make_account, make_operator
from backups.tests.routes import routes
from backups.tests.stories.test_page_questions import have

pytestmark = [pytest.mark.either, pytest.mark.django_db]
OPEN = {
    "accounts/login/": "here one signs in",
    "healthz": "asked by what starts and watches the processes; it tells nothing",
    "readyz": "asked by what starts and watches the processes; it names parts, no data",
}
# Beside the API.
OPENED_BY_A_TOKEN = {"metrics": "Prometheus has a token and no session"}
WRITES = ("post", "put", "patch", "delete")
NOT_ALLOWED = 405


@pytest.fixture
def user(settings: Any, tmp_path: Path) -> User:
    """One row of everything, and its owner."""
    user = make_operator("operator")
    have(1, settings, tmp_path)
    settings.DEBUG = True  # else the style guide is not there
    return user


def test_a_stranger_is_sent_to_sign_in_by_pages_and_refused_by_the_api(
    user: User, client: Client
) -> None:
    opened = []
    for route, address in routes().items():
        for method in ("get", *WRITES):
            answer = client.generic(method.upper(), address)
            to_sign_in = answer.status_code == 302 and "/login/?next=" in answer["Location"]
            refused = to_sign_in or answer.status_code in (401, NOT_ALLOWED)
            if not refused and route not in OPEN:
                opened.append(f"{method} {route} answers {answer.status_code}")
    assert opened == [], (
        f"A stranger opens {opened}. If that is meant, add the route and the reason to OPEN in "
        f"backups/tests/stories/test_access.py."
    )


def test_what_is_open_is_a_route(user: User, client: Client) -> None:
    """And not one that has gone, or that has been closed since."""
    addresses = routes()
    for route in OPEN:
        assert client.get(addresses[route]).status_code in (200, 503), route


def test_a_read_only_token_opens_the_api_and_writes_nothing(user: User, client: Client) -> None:
    admin = make_account("admin", role=Role.ADMIN)
    key = tokens.create(user=admin, read_only=True, now=timezone.now()).key
    token = {"Authorization": f"Bearer {key}"}
    wrong = []
    for route, address in routes().items():
        is_api = route.startswith("api/")
        read = client.get(address, headers=token).status_code
        if is_api and read in (302, 401, 403):
            wrong.append(f"get {route} answers {read} to a token that may read")
        if not is_api and read == 200 and route not in OPEN | OPENED_BY_A_TOKEN:
            wrong.append(f"get {route} is a page and answers {read} to a token")
        for method in WRITES:
            status = client.generic(method.upper(), address, headers=token).status_code
            if is_api and status not in (403, NOT_ALLOWED):
                wrong.append(f"{method} {route} answers {status} to a token that may only read")
    assert wrong == [], (
        f"{wrong}. What a token opens beside the API is named with its reason in OPENED_BY_A_TOKEN "
        f"in backups/tests/stories/test_access.py."
    )
