"""A database that is held, slow or away makes a 503 that says so, and no 500 with a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.db import Error, OperationalError, connection
from django.test import Client

from backups.edits import tokens
from backups.shared.database_state import NO_ANSWER, sentence_for_people
from backups.tests.accounts import make_operator
from backups.tests.run_settings import START
from backups.tests.waiting import wait_until

pytestmark = pytest.mark.django_db
BUSY = "The database is busy ({}): try again in a moment."


@contextmanager
def held(table: str) -> Iterator[None]:
    """Another session holds a table and does not let go."""
    entry = connection.settings_dict
    place = {"host": entry["HOST"], "port": entry["PORT"], "user": entry["USER"]}
    place |= {"dbname": entry["NAME"], "password": entry["PASSWORD"]}
    given = {name: value for name, value in place.items() if value}
    # Against a test that has touched the table in its own transaction.
    with psycopg.connect("", **given) as session:
        session.execute("SET lock_timeout = '10s'")
        session.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield


def limit(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL {name} = '20ms'")


@pytest.fixture
def web(client: Client) -> Client:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no such limits")
    user = make_operator("operator")
    client.force_login(user)
    client.raise_request_exception = False
    key = tokens.create(user=user, now=START, name="script").key
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return client


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("lock_timeout", "another session holds what was needed"),
        ("statement_timeout", "the question took too long"),
    ],
)
@pytest.mark.parametrize("path", ["/clouds/", "/api/clouds/"])
def test_a_held_table_is_a_503_that_says_why(
    web: Client, path: str, name: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with held("backups_cloud"):
        limit(name)
        answer = web.get(path)
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    if path.startswith("/api/"):
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"] == BUSY.format(reason)
    else:
        assert BUSY.format(reason) in answer.content.decode()
        assert answer["Cache-Control"] == "no-store"
        assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert [record for record in caplog.records if record.exc_info] == []


def test_a_held_session_store_is_a_503_too(client: Client) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no such limits")
    client.raise_request_exception = False
    client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    with held("backups_usersession"):
        limit("lock_timeout")
        assert client.get("/").status_code == 503


def test_a_session_that_was_ended_in_its_transaction_is_no_fault_of_vbsdash(web: Client) -> None:
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            # From this statement on: one before it may rest for longer on a busy machine.
            cursor.execute(
                "SELECT pg_backend_pid(), "
                "set_config('idle_in_transaction_session_timeout', '10ms', false)"
            )
            [pid, _] = cursor.fetchone() or [None, None]

        def has_ended() -> bool:
            with connection.cursor() as watching:
                # Within a transaction PostgreSQL goes on to show what it showed first.
                watching.execute("SELECT pg_stat_clear_snapshot()")
                watching.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid])
                return watching.fetchone() is None

        wait_until(has_ended)
        with pytest.raises(Error) as raised, other.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        other.close()
    # libpq has read why it was ended, or only that it was.
    sentences = {NO_ANSWER, BUSY.format("a transaction rested for too long")}
    assert sentence_for_people(raised.value) in sentences


def test_a_locked_file_is_a_503(client: Client) -> None:
    client.raise_request_exception = False

    def locked(*_: object) -> None:
        raise OperationalError("database is locked")

    client.force_login(make_operator("operator"))
    with connection.execute_wrapper(locked):
        answer = client.get("/clouds/")
    assert answer.status_code == 503
    assert BUSY.format("another session holds what was needed") in answer.content.decode()


def test_a_fault_of_vbsdash_itself_stays_a_500(client: Client) -> None:
    client.raise_request_exception = False

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    client.force_login(make_operator("operator"))
    with connection.execute_wrapper(broken):
        answer = client.get("/clouds/")
    assert answer.status_code == 500
    assert "It is in the log with its cause" in answer.content.decode()
