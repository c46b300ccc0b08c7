"""A database that takes no writes is still read: pages and API answer."""

from collections.abc import Iterator

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client

from backups.tests.accounts import make_operator

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key(capsys: pytest.CaptureFixture[str]) -> str:
    make_operator("robot")
    call_command("create_token", "robot")
    return capsys.readouterr().out.strip()


@pytest.fixture
def read_only(key: str) -> Iterator[None]:
    postgresql = connection.vendor == "postgresql"
    on, off = ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off")
    with connection.cursor() as cursor:
        cursor.execute(on if postgresql else "PRAGMA query_only = 1")
    yield
    with connection.cursor() as cursor:
        cursor.execute(off if postgresql else "PRAGMA query_only = 0")


def test_a_page_answers_though_the_use_of_its_session_cannot_be_noted(
    client: Client, key: str, request: pytest.FixtureRequest, clock: time_machine.Traveller
) -> None:
    client.force_login(User.objects.get(username="robot"))
    request.getfixturevalue("read_only")
    clock.shift(3600)
    assert client.get("/account/").status_code == 200


@pytest.mark.parametrize(
    "path", ["/api/backups/", "/api/volumes/", "/api/clouds/", "/api/failures/"]
)
def test_the_api_answers_while_nothing_can_be_written(
    client: Client, key: str, read_only: None, path: str
) -> None:
    assert client.get(path, headers={"Authorization": f"Token {key}"}).status_code == 200
