"""DATABASE_URL reaches PostgreSQL as libpq itself would take it, or is refused in one sentence
without a secret.
"""

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from backups.tests.vbsdash.test_broker_url import PASSWORDS
from backups.vbs.errors import ConfigurationError
from vbsdash import database_url
from vbsdash.process_role import Role

DEFAULT = Path("/srv/vbsdash/vbsdash.sqlite3")
PROJECT = Path("/opt/vbsdash")


def entry(value: str, **variables: str) -> dict[str, Any]:
    env = {"DATABASE_URL": value, **variables}
    return database_url.database(env, DEFAULT, folder=PROJECT, role=Role.WEB)


def sent_to_libpq(value: str, **variables: str) -> dict[str, str]:
    """What Django hands to libpq for an address, without what it and we add to each."""
    defaults: dict[str, Any] = {
        "ATOMIC_REQUESTS": False,
        "AUTOCOMMIT": True,
        "TIME_ZONE": None,
        "TEST": {},
    }
    defaults["TIME_ZONE"] = None
    parameters = DatabaseWrapper({**defaults, **entry(value, **variables)}).get_connection_params()
    for name in ("context", "cursor_factory", "prepare_threshold", "client_encoding"):
        parameters.pop(name, None)
    words = conninfo_to_dict(make_conninfo("", **parameters))
    assert words.pop("fallback_application_name") == "vbsdash web"
    if "service" not in words or "options" in words:
        limits, _, theirs = str(words.pop("options")).partition(database_url.SERVER_TIMEOUTS)
        assert limits.startswith("-c lock_timeout=10s -c statement_timeout=30s -c idle_")
        if theirs:
            words["options"] = theirs.strip()
    waits = database_url.POSTGRESQL_TIMEOUTS.items()
    ours = [name for name, value in waits if words.get(name) == str(value)]
    return {name: str(word) for name, word in words.items() if name not in ours}


@pytest.mark.parametrize(
    "value",
    [
        "postgres://u:p@h:5432/vbsdash",
        "postgresql://u:p@h/vbsdash",
        "postgres://h/vbsdash",
        "postgres://u@h/vbsdash",
        "postgres://u:p@[2001:db8::1]:5433/vbsdash",
        "postgres://u:p@[::1]/vbsdash",
        "postgres:///vbsdash",
        "postgres://u@/vbsdash",
        "postgres://u:p@/vbsdash",
        "postgres://%2Fvar%2Frun%2FPostgreSQL/vbsdash",
        "postgres://u@%2Fvar%2Frun:5433/vbsdash",
        "postgres:///vbsdash?host=/run/postgresql",
        "postgres:///vbsdash?host=/run/PostgreSQL&port=5433&user=u&password=0123",
        "postgres://u:p@/vbsdash?host=h1,h2&port=5432,5433&target_session_attrs=read-write",
        "postgres://h1,h2/vbsdash",
        "postgres://u:p,w@h1:5432,h2:5433,h3/vbsdash?target_session_attrs=read-write",
        "postgres://u:p@[2001:db8::1]:5432,[2001:db8::2]/vbsdash",
        "postgres://u:p@h/vbsdash?ssl=true",
        "postgres://h/?dbname=vbsdash",
        "postgres:///?service=backups",
        "postgres://h/vbsdash?sslmode=verify-full&sslrootcert=/etc/ssl/my%20ca.pem",
        "postgres://h/vbsdash?connect_timeout=2&keepalives_idle=60",
        "postgres://h/vbsdash?application_name=true&options=-c%20search_path%3Dbackups",
        "postgres://h/vbsdash?passfile=/etc/vbsdash/pgpass",
        "postgres://h/backups%2Fnight%20shift",
        "postgres://us%40corp:a:b@h/vbsdash",
        *(f"postgres://u:{quote(password, safe='')}@h/vbsdash" for password in PASSWORDS),
    ],
)
def test_django_sends_what_libpq_reads_in_the_address(value: str) -> None:
    assert sent_to_libpq(value) == conninfo_to_dict(value)


@pytest.mark.parametrize(
    ("value", "alike"),
    [
        ("POSTGRES://u:p@H/vbsdash", "postgres://u:p@h/vbsdash"),
        (" postgres://u:p@h/vbsdash\n", "postgres://u:p@h/vbsdash"),
        ("postgres://u:@/vbsdash?host=/run", "postgres://u@/vbsdash?host=/run"),
        ('postgres://u:pä"b@h/vbsdash', "postgres://u:p%C3%A4%22b@h/vbsdash"),
    ],
)
def test_what_libpq_would_not_take_is_written_as_it_does(value: str, alike: str) -> None:
    assert sent_to_libpq(value) == conninfo_to_dict(alike)


@pytest.mark.parametrize(
    ("value", "variables", "alike"),
    [
        ("postgres://u@h/x", {"PGPASSWORD": "x!@#%/: '\"$"}, {"password": "x!@#%/: '\"$"}),
        ("postgres://u:p@h/x", {"PGPASSWORD": "other"}, {"password": "p"}),
        ("postgres:///x", {"PGHOST": "h", "PGUSER": "u", "PGPORT": "1"}, {"port": "1"}),
        ("postgres://u@h", {"PGDATABASE": "x"}, {"dbname": "x"}),
        ("postgres://u@h/x", {"PGDATABASE": "other"}, {"dbname": "x"}),
        ("postgres://u@h/?dbname=x", {"PGDATABASE": "other"}, {"dbname": "x"}),
        ("postgres://u@h:1/x", {"PGPORT": "2"}, {"port": "1"}),
        ("postgres://u@h/x", {"PGHOST": "other"}, {"host": "h"}),
        ("postgres://u@h/x", {"PGUSER": "other"}, {"user": "u"}),
        ("postgres://h/x", {"PGSSLMODE": "verify-full"}, {"sslmode": "verify-full"}),
        ("postgres://h/x?sslmode=require", {"PGSSLMODE": "disable"}, {"sslmode": "require"}),
        ("postgres://h/x", {"PGCONNECT_TIMEOUT": "7"}, {"connect_timeout": "7"}),
        ("postgres://h/x?connect_timeout=8", {"PGCONNECT_TIMEOUT": "7"}, {"connect_timeout": "8"}),
        ("postgres://h/x", {"PGPASSFILE": "/etc/pgpass"}, {"passfile": "/etc/pgpass"}),
        ("postgres:///", {"PGSERVICE": "s", "PGHOST": "h"}, {"service": "s"}),
    ],
)
def test_the_variables_of_libpq_count_where_the_address_says_nothing(
    value: str, variables: dict[str, str], alike: dict[str, str]
) -> None:
    """From `.env` too, which libpq does not read."""
    sent = sent_to_libpq(value, **variables)
    assert {name: sent[name] for name in alike} == alike
    assert ("host" in sent) is ("PGSERVICE" not in variables)


@pytest.mark.parametrize(
    ("value", "variables"),
    [
        ("postgres://h/x?options=-c%20tcp_keepalives_idle%3D60", {}),
        ("postgres://h/x", {"PGOPTIONS": "-c tcp_keepalives_idle=60"}),
    ],
)
def test_what_an_administrator_says_of_a_session_comes_after_what_we_say(
    value: str, variables: dict[str, str]
) -> None:
    options = entry(value, **variables)["OPTIONS"]["options"]
    assert options.endswith(f"{database_url.SERVER_TIMEOUTS} -c tcp_keepalives_idle=60")


@pytest.mark.parametrize(
    ("value", "file"),
    [
        ("", str(DEFAULT)),
        ("sqlite:////srv/vbs.sqlite3", "/srv/vbs.sqlite3"),
        ("SQLite:////srv/vbs.sqlite3", "/srv/vbs.sqlite3"),
        ("sqlite:////home/me@corp.example/a b%23.sqlite3", "/home/me@corp.example/a b#.sqlite3"),
        ("sqlite:///var/vbs.sqlite3", "/opt/vbsdash/var/vbs.sqlite3"),
        ("sqlite:///file:vbs", "/opt/vbsdash/file:vbs"),
    ],
)
def test_a_file_is_the_same_from_whatever_folder_a_part_starts(value: str, file: str) -> None:
    assert (entry(value)["NAME"], entry(value)["OPTIONS"]["timeout"]) == (file, 20)


def test_a_data_folder_may_have_any_name() -> None:
    odd = Path("/srv/100%41?#/vbsdash.sqlite3")
    assert database_url.database({}, odd, folder=PROJECT, role=Role.WEB)["NAME"] == str(odd)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("mysql://u:s3cret@h/x", "must begin with one of postgres://, postgresql://, sqlite://"),
        ("postgresql+psycopg://u:s3cret@h/x", "must begin"),
        ("postgis://u:s3cret@h/x", "must begin"),
        ("host=h password=s3cret dbname=x", "must begin"),
        ("vbs.sqlite3", "must begin"),
        ("postgres://u:s3cret#1@h/x", "a password with a character that must be encoded"),
        ("postgres://u:5432/s3cret@h/x", "a password with a character that must be encoded"),
        ("postgres://u:s3cret@1@h/x", "a password with a character that must be encoded"),
        ("postgres://u:s3cret?x@h/x", "a password with a character that must be encoded"),
        ("postgres://u:s3cret%@h/x", "a % that begins no code"),
        ("postgres://u:s3cret [x]@h/x", "a blank"),
        ("postgres://u:[s3cret]@h/x", "a password with a character that must be encoded"),
        ("postgres://u:s3cret@h:0/x", "no port"),
        ("postgres://u:s3cret@h1,,h2/x", "a comma with no host before or after it"),
        ("postgres://u:s3cret@h1,h2:0/x", "no port"),
        ("postgres://u:a,s3cret#b@h1,h2/x", "a password with a character that must be encoded"),
        ("postgres://u:${s3cret}@h/x", "a ${NAME} or the like that nothing has"),
        ("postgres://u:s3cret@h/x?ssl=yes", "the option ssl, which libpq does not know"),
        ("psql postgres://u:s3cret@h/x", "must begin"),
        ("Server=h;User Id=u;Password=s3cret;", "must begin"),
        ("postgres://u:s3cret@h", "end it with /NAME"),
        ("postgres://u:s3cret@h/", "end it with /NAME"),
        ("postgres://u:s3cret@h/x/", "a / in the name of its database"),
        ("postgres://u:s3cret@h/x/y", "a / in the name of its database"),
        (f"postgres://u:s3cret@h/{'x' * 64}", "longer than 63 characters"),
        ("postgres://u:s3cret@h/x?foo=1", "the option foo, which libpq does not know"),
        ("postgres://u:s3cret@h/x?pool=true", "the option pool, which libpq does not know"),
        ("postgres://u:s3cret@h/x?sslmode=", "not written as ?name=value"),
        ("postgres://u:s3cret@h/x?sslmode=require&sslmode=disable", "the option sslmode twice"),
        ("postgres://u:s3cret@h/x?connect_timeout=soon", "a connect_timeout which is no whole"),
        ("postgres://u:s3cret@h/x?application_name=a+b", "a + in its options"),
        ("postgres://u:s3cret@h/x?host=/run", "names the host before and after"),
        ("postgres://u:s3cret@h/x?password=s3cret", "names the password before and after"),
        ("postgres://u:s3cret@h/x?user=u", "names the user before and after"),
        ("postgres://u:s3cret@h:1/x?port=2", "names the port before and after"),
        ("postgres://u:s3cret@h/x?dbname=y", "names the dbname before and after"),
        ("'postgres://u:s3cret@h/x'", "in quotes"),
        ("sqlite://", "names no database that all parts share"),
        ("sqlite:///", "names no database that all parts share"),
        ("sqlite://:memory:", "names no database that all parts share"),
        ("sqlite:///:memory:", "names no database that all parts share"),
        ("sqlite://vbs.sqlite3", "names a host where a file is meant: write sqlite:////"),
        ("sqlite://h/vbs.sqlite3", "names a host where a file is meant"),
        ("sqlite:////srv/x?timeout=5", "the option timeout, which is not supported"),
        ("sqlite:////srv/a#b", "a # which begins no part"),
        ("sqlite:vbs.sqlite3", "must begin with sqlite://"),
    ],
)
def test_what_is_refused_is_named_with_a_cure_and_no_secret(value: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        entry(value)
    sentence = str(refused.value)
    assert (words in sentence, sentence.startswith("DATABASE_URL ")) == (True, True), sentence
    assert (sentence.count("\n"), sentence.endswith("."), "s3cret" in sentence) == (0, True, False)


@pytest.mark.parametrize("role", list(Role))
def test_the_web_part_alone_reads_sqlite_through_mmap(role: Role, tmp_path: Path) -> None:
    options = database_url.database({}, DEFAULT, folder=PROJECT, role=role)["OPTIONS"]
    connection = sqlite3.connect(tmp_path / "a.sqlite3", isolation_level=None)
    connection.executescript(options["init_command"])
    [mapped] = connection.execute("PRAGMA mmap_size").fetchone()
    connection.close()
    assert (mapped > 0) == (role is Role.WEB)
