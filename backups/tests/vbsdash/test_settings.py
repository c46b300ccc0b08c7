"""A start with a wrong setting ends with one sentence that names it and the cure; a right one is
taken as it is meant.

Each case is a process of its own, forked from one that has the libraries loaded already: 50 ms
instead of 800.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backups.tests.run_settings import LIMIT_S
from vbsdash.database_url import SERVER_TIMEOUTS

PROJECT = Path(__file__).resolve().parents[3]
SERVER = """
import json, os, sys
import celery, csp.constants, django_stubs_ext, dotenv, yaml
import keystoneauth1.identity, keystoneauth1.loading, structlog
sys.path.insert(0, os.getcwd())
for line in sys.stdin:
    case = json.loads(line)
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        os.environ.clear()
        os.environ.update(case["env"])
        os.dup2(writing, 1), os.dup2(writing, 2), os.close(reading), os.close(writing)
        exec(case["code"], {})
        sys.stdout.flush()
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        said = pipe.read()
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said]), flush=True)
"""
START = """
import sys, traceback
try:
    from django.conf import settings; settings.INSTALLED_APPS
except SystemExit as e:
    print(e.code, end=''); sys.stdout.flush(); import os; os._exit(1)
except BaseException:
    traceback.print_exc(); sys.stderr.flush(); import os; os._exit(2)
"""
LOGIN = (
    "auth: {auth_url: 'https://iam.example/v3', username: u, password: p, user_domain_name: d, "
    "project_id: p}"
)
OPENRC = {
    "OS_AUTH_URL": "https://iam.example/v3",
    "OS_USERNAME": "u",
    "OS_PASSWORD": "s3cret-word",
    "OS_PROJECT_NAME": "eu-de",
    "OS_USER_DOMAIN_NAME": "d",
}
Start = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A copy of the project's wiring, so that it can have a `.env`; the rest of it is linked."""
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(
        PROJECT / "vbsdash", project / "vbsdash", ignore=shutil.ignore_patterns("__pycache__")
    )
    (project / "backups").symlink_to(PROJECT / "backups")
    argv, pipe = [sys.executable, "-c", SERVER], subprocess.PIPE
    with subprocess.Popen(argv, cwd=project, stdin=pipe, stdout=pipe, text=True, env={}) as process:
        yield process, project
        process.communicate()


@pytest.fixture
def start(server: tuple[subprocess.Popen[str], Path], tmp_path: Path) -> Iterator[Start]:
    """Runs a start with these variables, and no others but a home; exit code and
    all that it says.
    """
    process, project = server

    def run(code: str = "", **env: str) -> tuple[int, str]:
        env = {"HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "vbsdash.settings", **env}
        env.setdefault("VBSDASH_DATA_DIR", str(tmp_path / "data"))
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"env": env, "code": START + code}) + "\n")
        process.stdin.flush()
        exit_code, said = json.loads(process.stdout.readline())
        return exit_code, said

    yield run
    (project / ".env").unlink(missing_ok=True)
    for name in ("clouds.yaml", "secure.yaml"):
        (project / name).unlink(missing_ok=True)


def values(start: Start, *names: str, **env: str) -> list[Any]:
    """What these settings become."""
    words = ", ".join(f"repr(s.{name})" for name in names)
    code = f"from django.conf import settings as s; import json; print(json.dumps([{words}]))"
    exit_code, said = start(code, **env)
    assert exit_code == 0, said
    return [eval(each) for each in json.loads(said)]  # of our own settings


def test_nothing_set_is_a_good_start(start: Start) -> None:
    assert start() == (0, "")


def test_allowed_hosts_are_compared_as_browsers_write_them(start: Start) -> None:
    hosts = "Vbs.Example., .Example.com,[2001:DB8:0::5],10.0.0.5,*"
    [allowed_hosts] = values(start, "ALLOWED_HOSTS", ALLOWED_HOSTS=hosts)
    assert allowed_hosts == ["vbs.example", ".example.com", "[2001:db8::5]", "10.0.0.5", "*"]


def test_a_postgresql_that_says_nothing_is_given_up(start: Start) -> None:
    """By libpq's limits, of which the address may name others: here 2 s for a server that takes
    calls and is silent.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgres://u:p@127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=2"
        [databases] = values(start, "DATABASES", DATABASE_URL=url)
        assert databases["default"]["OPTIONS"] == {
            "connect_timeout": 2,
            "tcp_user_timeout": 15_000,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            # Of a process that is neither web nor worker; see test_process_role.py.
            "fallback_application_name": "vbsdash command",
            "options": "-c lock_timeout=30s -c statement_timeout=0s "
            f"-c idle_in_transaction_session_timeout=600s {SERVER_TIMEOUTS}",
        }
        exit_code, said = start(
            "from django.db import connection; connection.ensure_connection()", DATABASE_URL=url
        )
    assert exit_code == 1
    assert "timeout" in said


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("PORT", "http", "write a number from 0 to 65535"),
        ("PORT", "9" * 5000, "write a number from 0 to 65535"),
        ("PORT", "70000", "write a number from 0 to 65535"),
        ("PORT", "-1", "write a number from 0 to 65535"),
        ("DEBUG", "maybe", "write 1 or 0"),
        ("VBSDASH_CELERY_EVENTS", "-E", "write 1 or 0"),
        ("VBSDASH_AUDIT_DAYS", "0", "write a number of days from 1 to 99999"),
        ("VBSDASH_AUDIT_DAYS", "a year", "write a number of days from 1 to 99999"),
        ("VBSDASH_LOG_FORMAT", "JSON", "write json, or console for key=value"),
        ("VBSDASH_DATA_DIR", "/proc/nowhere", "name another folder"),
        ("VBSDASH_DATA_DIR", "/dev/null/x", "name another folder"),
        ("VBSDASH_DATA_DIR", "~no-such-user/x", "name another folder"),
        ("DATABASE_URL", "mysql://h/x", "postgres://"),
        ("DATABASE_URL", "vbs.sqlite3", "postgres://"),
        (
            "DATABASE_URL",
            "postgres://u:s3cret-word@h:port/x",
            "write postgres://USER:PASSWORD@HOST",
        ),
        ("DATABASE_URL", "postgres://u:s3cret-word@[x/y", "write postgres://USER:PASSWORD@HOST"),
        ("DATABASE_URL", "postgres://u:s3cret-word@h", "end it with /NAME"),
        ("DATABASE_URL", "sqlite://", "end it with /NAME"),
        ("CELERY_BROKER_URL", "http://h", "redis://"),
        ("CELERY_BROKER_URL", "localhost:6379", "redis://"),
        ("CELERY_BROKER_URL", "redis://:s3cret-word@h:port/0", "write redis://"),
        ("REDIS_URL", "amqp://h", "redis://"),
        ("REDIS_URL", "redis://:s3cret-word@[h/0", "write redis://"),
        ("SECRET_KEY", "short", "write a longer one"),
        ("SECRET_KEY_FALLBACKS", "s3cret-word", "write the keys that SECRET_KEY was before"),
        ("SECRET_KEY_FALLBACKS", f"{'g' * 40},s3cret-word", "write the keys that SECRET_KEY was"),
        ("ALLOWED_HOSTS", "vbs.example,https://vbs.example", "without http://"),
        ("ALLOWED_HOSTS", "vbs.example:8000", "without http://"),
        ("ALLOWED_HOSTS", "a.example b.example", "commas between them"),
        ("ALLOWED_HOSTS", "*.vbs.example", ".example.com for all names below it"),
        ("ALLOWED_HOSTS", "2001:db8::5", "[2001:db8::1]"),
        ("ALLOWED_HOSTS", "[2001:db8::zz]", "[2001:db8::1]"),
        ("ALLOWED_HOSTS", "vbsdash_web", "without http://, path, port and underscore"),
        ("ALLOWED_HOSTS", "https://me:s3cret-word@vbs.example", "without http://"),
        ("CSRF_TRUSTED_ORIGINS", "vbs.example", "https://host"),
        ("CSRF_TRUSTED_ORIGINS", "https://vbs.example/path", "https://host"),
        ("CSRF_TRUSTED_ORIGINS", "https://a.example https://b.example", "commas between them"),
        ("CSRF_TRUSTED_ORIGINS", "https://vbs.example:99999", "https://host"),
        ("CSRF_TRUSTED_ORIGINS", "https://vbs.example:65536", "https://host"),
        ("CSRF_TRUSTED_ORIGINS", "https://vbs.example:0", "https://host"),
        ("CSRF_TRUSTED_ORIGINS", "https://me:s3cret-word@vbs.example", "https://host"),
        ("VBSDASH_URL", "https://u:s3cret-word@vbs.example", "write host and path alone"),
        ("VBSDASH_TRUSTED_PROXIES", "*", "write those of the proxies"),
        ("VBSDASH_TRUSTED_PROXIES", "10.0.0.5,0.0.0.0/0", "write those of the proxies"),
        ("VBSDASH_TRUSTED_PROXIES", "::/0", "write those of the proxies"),
        ("VBSDASH_TRUSTED_PROXIES", "::ffff:0:0/96", "write those of the proxies"),
        ("VBSDASH_TRUSTED_PROXIES", "0.0.0.0", "write those of the proxies"),
        ("VBSDASH_TRUSTED_PROXIES", "10.0.0.5/8", "write 10.0.0.0/8 for the whole network"),
        ("VBSDASH_TRUSTED_PROXIES", "10.0.0.5 10.0.0.6", "commas between them"),
        ("VBSDASH_TRUSTED_PROXIES", "10.0.0.5;10.0.0.6", "commas between them"),
        ("VBSDASH_TRUSTED_PROXIES", "nginx", "without names"),
        ("VBSDASH_TRUSTED_PROXIES", "localhost", "without names"),
        ("VBSDASH_TRUSTED_PROXIES", "10.0.0.5:8000", "ports"),
        ("VBSDASH_TRUSTED_PROXIES", "[::1]", "brackets"),
        ("VBSDASH_TRUSTED_PROXIES", "10.0.0.256", "write addresses and networks"),
        ("VBSDASH_TRUSTED_PROXIES", "10.0.0.0/33", "write addresses and networks"),
        ("VBSDASH_TRUSTED_PROXIES", "10.0.0", "write addresses and networks"),
        ("OS_CLIENT_CONFIG_FILE", "/nowhere/clouds.yaml", "correct the path"),
        ("OS_CLIENT_CONFIG_FILE", "/proc", "correct the path"),
        ("OS_CLIENT_CONFIG_FILE", "~no-such-user/clouds.yaml", "correct the path"),
        ("VBSDASH_CLOUDS", "otc", "correct the name"),
        ("VBSDASH_CLOUDS", "https://me:s3cret-word@h", "correct the name"),
        ("OS_CLOUD", "https://me:s3cret-word@h", "correct the name"),
        ("PORT", "https://me:s3cret-word@h", "write a number from 0 to 65535"),
        ("DEBUG", "https://me:s3cret-word@h", "write 1 or 0"),
        ("VBSDASH_TRUSTED_PROXIES", "https://me:s3cret-word@h", "write addresses and networks"),
    ],
)
def test_a_wrong_variable_is_one_sentence_with_its_name_and_the_cure(
    start: Start, name: str, value: str, cure: str
) -> None:
    exit_code, said = start(**{name: value})
    assert (exit_code, said.count("\n"), said.endswith(".")) == (1, 0, True), said
    assert said.startswith("vbsdash: ")
    assert (name in said, cure in said, "s3cret-word" in said) == (True, True, False), said


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"OS_AUTH_URL": ""}, "OS_AUTH_URL"),
        *(
            ({"OS_AUTH_URL": url}, "OS_AUTH_URL")
            for url in (
                "iam.example",
                "https:///v3",
                "https://iam.example:/v3",
                "https://iam.example:https/v3",
                "https://::1/v3",
                "https://iam.example/v3#x",
                "https://iam.example/v3?token=s3cret-word",
                "https://me:s3cret-word@iam.example/v3",
                "https://me:s3cret-word#@iam.example/v3",
                "https://me:1/s3cret-word@iam.example/v3",
                " https://iam.example/v3",
                "'https://iam.example/v3'",
            )
        ),
        ({"OS_PASSWORD": ""}, "OS_PASSWORD"),
        ({"OS_PROJECT_NAME": ""}, "OS_PROJECT_NAME"),
        ({"OS_AUTH_TYPE": "magic"}, "OS_AUTH_TYPE 'magic'"),
        ({"OS_AUTH_TYPE": "none"}, "OS_AUTH_TYPE 'none'"),
        ({"OS_AUTH_TYPE": "v3applicationcredential"}, "v3applicationcredential"),
        ({"OS_AUTH_TYPE": "aksk", "OS_AK": "a"}, "OS_PROJECT_ID"),
        (
            {"OS_AUTH_TYPE": "aksk", "OS_AK": "a", "OS_SK": "s", "OS_PROJECT_ID": "p"},
            "OS_VBS_ENDPOINT_OVERRIDE",
        ),
        *(
            ({"OS_PROJECT_ID": bad}, "OS_PROJECT_ID is no ID of a project")
            for bad in ("../../x", "a\nb", "\\1", "a b", "%2F", "//evil", "?x", "0" * 32)
        ),
        ({"OS_INTERFACE": "sideways"}, "OS_INTERFACE"),
        ({"OS_CACERT": "/nowhere/ca.pem"}, "OS_CACERT"),
        ({"OS_CACERT": "/proc/self/status"}, "OS_CACERT"),
        ({"OS_VBS_API": "glance"}, "OS_VBS_API"),
        ({"OS_VBS_REQUESTS_PER_SECOND": "many"}, "OS_VBS_REQUESTS_PER_SECOND"),
    ],
)
def test_a_wrong_openstack_variable_is_named(
    start: Start, changed: dict[str, str], name: str
) -> None:
    exit_code, said = start(**{**OPENRC, **changed})
    assert (exit_code, said.count("\n"), said.startswith("vbsdash: The OS_* variables: ")) == (
        1,
        0,
        True,
    ), said
    assert (name in said, "s3cret-word" in said) == (True, False), said


@pytest.mark.parametrize(
    ("clouds", "secure", "words"),
    [
        (b"\xff\xfe", None, "clouds.yaml cannot be read: make it a readable UTF-8 file"),
        (b"clouds: [", None, "clouds.yaml is not valid YAML at line 1"),
        (b"clouds: {otc: {since: 2026-13-45}}", None, "clouds.yaml is not valid YAML"),
        (b"- otc", None, "has no mapping under the key clouds"),
        (b"otc: {auth: {username: u}}", None, "has no mapping under the key clouds"),
        (b"clouds: [otc]", None, "has no mapping under the key clouds"),
        (b"clouds: {otc: yes}", None, "cloud otc: the entry is no mapping"),
        (b"clouds: {otc: {profile: otc}}", None, "cloud otc: profile is not supported: write"),
        (
            b"clouds: {otc: {regions: [eu-de, eu-nl]}}",
            None,
            "cloud otc: regions is not supported: write",
        ),
        (
            b"clouds: {otc: {auth: {auth_url: x}}}",
            b"clouds: {otc: [",
            "secure.yaml is not valid YAML at line 1",
        ),
        (b"clouds: {otc: {auth: {auth_url: x}}}", b"\xff", "secure.yaml cannot be read"),
        (
            b"clouds: {otc: {auth: {auth_url: 'https://x', password: 12}}}",
            None,
            "password in auth is no text: put",
        ),
        (b"clouds: {'no good': {}}", None, "a name has 1 to 64 letters"),
    ],
)
def test_a_wrong_cloud_file_is_named_with_the_place(
    start: Start, server: Any, clouds: bytes, secure: bytes | None, words: str
) -> None:
    (server[1] / "clouds.yaml").write_bytes(clouds)
    if secure is not None:
        (server[1] / "secure.yaml").write_bytes(secure)
    exit_code, said = start()
    assert (exit_code, said.count("\n"), said.startswith("vbsdash: ")) == (1, 0, True), said
    assert words in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"PORT=\xff", "make it a readable UTF-8 file"),
        (b"DEBUG=1\nthis is no line\n", "line 2, is no NAME=value"),
        ("\u200bPORT=1\n".encode(), "line 1, is no NAME=value"),
        (b"[vbsdash]\nPORT=1\n", "line 1, is no NAME=value"),
        (b"A=1\nSECRET_KEY=${A}${NOT_SET}\n", "line 2, takes a variable in ${} that is not set"),
    ],
)
def test_a_wrong_env_file_is_named(start: Start, server: Any, text: bytes, words: str) -> None:
    (server[1] / ".env").write_bytes(text)
    exit_code, said = start()
    assert (exit_code, said.count("\n"), words in said) == (1, 0, True), said


def test_the_environment_wins_over_the_env_file(start: Start, server: Any) -> None:
    (server[1] / ".env").write_text(
        "PORT=1111\nVBSDASH_HOST='0.0.0.0'\n# a comment\nexport DEBUG=1\n"
    )
    assert values(start, "LISTEN_PORT", "LISTEN_HOST", "DEBUG", PORT="2222") == [
        2222,
        "0.0.0.0",
        True,
    ]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("SECRET_KEY={}", "x!@#%/:$&;=+[]{}"),
        ("SECRET_KEY='{}'", 'x!@#%/: "$&;${PORT}'),
        ('SECRET_KEY="{}"', "x!@#%/: '$&; # no comment"),
        ("export SECRET_KEY = {}  # a comment", "p#ss"),
        ("\ufeffSECRET_KEY={}\r", "word"),
    ],
)
def test_a_password_in_the_env_file_is_taken_as_it_stands(
    start: Start, server: Any, line: str, value: str
) -> None:
    value *= 32
    (server[1] / ".env").write_bytes(f"{line.format(value)}\nPORT=1111\n".encode())
    assert values(start, "SECRET_KEY", "LISTEN_PORT") == [value, 1111]


def test_variables_in_the_env_file_are_filled_in_and_the_environment_wins(
    start: Start, server: Any
) -> None:
    text = "B=of-file-\nSECRET_KEY=${A}${B}${C:-default-}of-at-least-32-characters\n"
    (server[1] / ".env").write_text(text)
    key = "of-environment-of-file-default-of-at-least-32-characters"
    assert values(start, "SECRET_KEY", A="of-environment-") == [key]


def test_a_cloud_file_of_the_env_file_is_found(start: Start, server: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"clouds:\n  a:\n    {LOGIN}\n  b:\n    {LOGIN}\n")
    (server[1] / ".env").write_text(
        f"OS_CLIENT_CONFIG_FILE={tmp_path}/mine.yaml\nVBSDASH_CLOUDS=b\n"
    )
    assert values(start, "DEMO", "CLOUDS.keys().__len__()", "CLOUDS['b'].name") == [False, 1, "b"]


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({}, "password"),
        (
            {
                "OS_AUTH_TYPE": "v3applicationcredential",
                "OS_APPLICATION_CREDENTIAL_ID": "i",
                "OS_APPLICATION_CREDENTIAL_SECRET": "s",
            },
            "v3applicationcredential",
        ),
        ({"OS_AUTH_TYPE": "v3token", "OS_TOKEN": "t", "OS_PROJECT_DOMAIN_NAME": "d"}, "v3token"),
        (
            {
                "OS_AUTH_TYPE": "aksk",
                "OS_AK": "a",
                "OS_SK": "s",
                "OS_PROJECT_ID": "p",
                "OS_VBS_ENDPOINT_OVERRIDE": "https://vbs.example/v2",
            },
            "aksk",
        ),
    ],
)
def test_the_openstack_variables_make_a_cloud_called_envvars(
    start: Start, changed: dict[str, str], kind: str
) -> None:
    given = {**OPENRC, "OS_REGION_NAME": "eu-de", **changed}
    words = ["CLOUDS['envvars'].auth_type", "CLOUDS['envvars'].region", "DEMO"]
    assert values(start, *words, **given) == [kind, "eu-de", False]


def test_redis_is_the_broker_when_that_is_redis_and_none_when_it_is_amqp(start: Start) -> None:
    redis, other, amqp = "redis://h:1/0", "redis://other:2/3", "amqp://u:p@h:5672//"
    assert values(start, "REDIS_URL", CELERY_BROKER_URL=redis) == [redis]
    assert values(start, "REDIS_URL", CELERY_BROKER_URL=redis, REDIS_URL=other) == [other]
    words = ["REDIS_URL", "CELERY_BROKER_URL", "EMBEDDED_BROKER"]
    assert values(start, *words, CELERY_BROKER_URL=amqp) == [None, amqp, False]
    assert values(start, *words[:2], CELERY_BROKER_URL=amqp, REDIS_URL=other) == [other, amqp]


def test_an_amqp_broker_reaches_celery_without_the_options_of_redis(start: Start) -> None:
    code = """
from vbsdash.celery import app
with app.connection_for_write() as connection:
    print(connection.transport.driver_name, connection.transport_options)
print(app.conf.broker_heartbeat, app.conf.worker_enable_prefetch_count_reduction)
"""
    options = "{'read_timeout': 15, 'write_timeout': 15}"
    printed = f"py-amqp {options}\n10 False\n"
    assert start(code, CELERY_BROKER_URL="amqp://u:p@h:5672//") == (0, printed)


def test_an_amqp_broker_and_a_worker_part_soon_and_leave_nothing_locked(start: Start) -> None:
    code = """
from vbsdash.celery import app
print(app.conf.broker_heartbeat, app.control.mailbox.queue_exclusive)
"""
    assert start(code, CELERY_BROKER_URL="amqp://u:p@h:5672//") == (0, "10 False\n")


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("REDIS://H:1/2 ", "h 1 2 False"),
        ("rediss://h:1/2", "h 1 2 {'ssl_cert_reqs': <VerifyMode.CERT_REQUIRED: 2>, 'ssl_check"),
        ("amqps://u:p@h:1/v", "h 1 v {'cert_reqs': <VerifyMode.CERT_REQUIRED: 2>, 'server_host"),
    ],
)
def test_celery_takes_the_address_that_was_judged(start: Start, value: str, seen: str) -> None:
    """And not the variable, which Celery would read by itself."""
    code = """
from vbsdash.celery import app
for c in (app.connection_for_write(), app.connection_for_read(), app.connection()):
    print(c.hostname, c.port, c.virtual_host, c.ssl)
"""
    exit_code, output = start(code, CELERY_BROKER_URL=value)
    lines = output.splitlines()
    assert (exit_code, len(lines)) == (0, 3), output
    assert all(line.startswith(seen) for line in lines), output


def test_the_secret_key_is_made_once_for_its_owner(start: Start, tmp_path: Path) -> None:
    [first] = values(start, "SECRET_KEY")
    assert values(start, "SECRET_KEY") == [first]
    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o777 == 0o600
    given = "g" * 40
    assert values(start, "SECRET_KEY", SECRET_KEY=given) == [given]


def test_keys_of_before_are_taken_from_the_environment_and_from_a_file(
    start: Start, tmp_path: Path
) -> None:
    old = ["g" * 40, "h" * 40]
    file = tmp_path / "keys"
    file.write_text(f"{old[0]}, {old[1]}\n")
    for source in (
        {"SECRET_KEY_FALLBACKS": ",".join(old)},
        {"SECRET_KEY_FALLBACKS_FILE": str(file)},
    ):
        assert values(start, "SECRET_KEY_FALLBACKS", SECRET_KEY="n" * 40, **source) == [old]
    exit_code, said = start(SECRET_KEY=old[0], SECRET_KEY_FALLBACKS=old[0])
    assert (exit_code, "holds SECRET_KEY itself" in said, old[0] in said) == (1, True, False)


def test_a_key_file_that_a_full_disk_left_empty_is_made_anew(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret_key").touch()
    [made] = values(start, "SECRET_KEY")
    assert len(made) > 50
    assert values(start, "SECRET_KEY") == [made]


def test_a_key_file_that_cannot_be_read_names_the_cure(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data" / "secret_key" / "x").mkdir(parents=True)
    exit_code, said = start()
    assert (exit_code, said.endswith("cannot be read or made: remove it, or set SECRET_KEY.")) == (
        1,
        True,
    ), said


@pytest.mark.parametrize(
    "argv", [["manage.py", "check"], ["-m", "celery", "-A", "vbsdash", "report"]]
)
def test_each_way_to_start_says_the_same_sentence(argv: list[str], tmp_path: Path) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "VBSDASH_DATA_DIR": str(tmp_path),
        "PORT": "x",
    }
    done = subprocess.run(
        [sys.executable, *argv], cwd=PROJECT, env=env, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert (
        "vbsdash: PORT is 'x': write a number from 0 to 65535; 0 takes a free one."
        in done.stdout + done.stderr
    )
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("words", ["worker --pool solo", "beat --pidfile="])
def test_a_part_started_by_hand_refuses_a_broker_that_nobody_else_can_reach(
    words: str, tmp_path: Path
) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "VBSDASH_DATA_DIR": str(tmp_path),
        "CELERY_BROKER_URL": "memory://",
    }
    argv = [sys.executable, "-m", "celery", "--quiet", "-A", "vbsdash", *words.split()]
    done = subprocess.run(
        argv, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode == 1
    assert "vbsdash: CELERY_BROKER_URL is memory://, which no two processes share" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_variable_is_one_that_is_not_set(start: Start) -> None:
    names = ("METRICS_PER_DISK", "DEBUG")
    assert values(start, *names, VBSDASH_METRICS_PER_DISK="", DEBUG="") == [True, False]
    assert values(start, *names, VBSDASH_METRICS_PER_DISK="0", DEBUG="1") == [False, True]


def test_who_did_what_is_kept_for_as_long_as_it_is_set(start: Start) -> None:
    assert values(start, "AUDIT_DAYS") == [400]
    assert values(start, "AUDIT_DAYS", VBSDASH_AUDIT_DAYS="30") == [30]


def test_celery_sends_events_only_where_that_is_set(start: Start) -> None:
    names = ["CELERY_WORKER_SEND_TASK_EVENTS", "CELERY_TASK_SEND_SENT_EVENT"]
    assert values(start, *names) == [False, False]
    assert values(start, *names, VBSDASH_CELERY_EVENTS="1") == [True, True]


def test_what_is_served_to_others_follows_from_the_public_address(start: Start) -> None:
    names = (
        "ALLOWED_HOSTS",
        "CSRF_TRUSTED_ORIGINS",
        "FORCE_SCRIPT_NAME",
        "STATIC_URL",
        "SESSION_COOKIE_PATH",
        "CSRF_COOKIE_PATH",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SECURE_HSTS_SECONDS",
        "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    )
    local = ["localhost", "127.0.0.1", "[::1]"]
    year = 365 * 24 * 3600
    assert values(start, *names) == [
        *(local, [], None, "/static/", "/", "/"),
        *(False, False, 0, False),
    ]
    assert values(start, *names, VBSDASH_URL="https://vbs.example:8443/x/y/") == [
        *(["vbs.example", *local], ["https://vbs.example:8443"]),
        *("/x/y", "/x/y/static/", "/x/y", "/x/y"),
        *(True, True, year, False),
    ]
    assert values(start, *names, VBSDASH_URL="http://[2001:db8::1]") == [
        *(["[2001:db8::1]", *local], ["http://[2001:db8::1]"], None, "/static/", "/", "/"),
        *(False, False, 0, False),
    ]
    # What is named singly is added to.
    given = {"ALLOWED_HOSTS": "one.example", "CSRF_TRUSTED_ORIGINS": "https://one.example"}
    assert values(start, *names[:2], **given) == [["one.example"], ["https://one.example"]]
    assert values(start, *names[:2], VBSDASH_URL="https://vbs.example", **given) == [
        ["one.example", "vbs.example", *local],
        ["https://one.example", "https://vbs.example"],
    ]


def test_trusted_origins_are_as_browsers_write_them(start: Start) -> None:
    given = "HTTPS://One.example:443,http://two.example:80, https://*.Three.example,http://h:443"
    [origins] = values(start, "CSRF_TRUSTED_ORIGINS", CSRF_TRUSTED_ORIGINS=given)
    assert origins == [
        "https://one.example",
        "http://two.example",
        "https://*.three.example",
        "http://h:443",
    ]


def test_no_two_installations_of_a_host_share_a_cookie(start: Start) -> None:
    """The same one has the same names on each of its hosts, and after each start."""
    key = {"SECRET_KEY": "k" * 40}
    others: list[dict[str, str]] = [
        {},
        {"PORT": "8001"},
        {"SECRET_KEY": "o" * 40},
        {"VBSDASH_URL": "https://h"},
        {"VBSDASH_URL": "http://h"},
        {"VBSDASH_URL": "https://h:8443"},
        {"VBSDASH_URL": "https://h/vbs"},
        {"VBSDASH_URL": "https://h/other"},
        {"VBSDASH_URL": "https://h/vbs/other"},
        {"VBSDASH_URL": "https://h:8443/vbs"},
    ]
    names = []
    for env in others:
        pair = values(start, "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", **{**key, **env})
        assert pair == values(start, "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", **{**key, **env})
        names += pair
    assert len(set(names)) == 2 * len(others)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_.~-]+", name)
    assert names[0].startswith("vbsdash_session_8000_")
    assert names[2].startswith("vbsdash_session_8001_")
    assert names[6].startswith("__Host-vbsdash_session_443_")
    assert names[8].startswith("vbsdash_session_80_")
    assert names[12].startswith("__Secure-vbsdash_session_443.vbs_")
    assert names[13].startswith("__Secure-vbsdash_csrf_443.vbs_")


def test_a_wrong_proxy_stops_the_start_only_where_a_cloud_needs_it(
    start: Start, server: Any
) -> None:
    socks = {"ALL_PROXY": "socks5://user:s3cret-word@proxy:1080"}
    exit_code, said = start(**OPENRC, **socks)
    assert (exit_code, said.count("\n")) == (1, 0)
    assert said.startswith("vbsdash: ALL_PROXY names a SOCKS proxy, which is not supported: ")
    assert "s3cret-word" not in said
    assert start(**OPENRC, **socks, NO_PROXY="iam.example") == (0, "")
    assert start(**socks) == (0, "")  # The demo's cloud is on this machine.


def test_a_proxy_of_the_env_file_counts_and_the_environment_wins(start: Start, server: Any) -> None:
    (server[1] / ".env").write_text("https_proxy=proxy.of.file:3128\nNO_PROXY=localhost\n")
    way = "CLOUDS['envvars'].proxies.way_to('https://iam.example/v3')"
    assert values(start, way, **OPENRC) == ["through proxy.of.file:3128, as https_proxy says"]
    proxy = {"HTTPS_PROXY": "proxy.of.environment"}
    assert values(start, way, **OPENRC, **proxy) == [
        "through proxy.of.environment:80, as HTTPS_PROXY says"
    ]
    assert values(start, way, **OPENRC, HTTPS_PROXY="") == [""]
