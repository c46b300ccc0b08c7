"""Each command that needs a database says in one sentence what is wrong with it, and the cure.

Each case is a process of its own, forked from one that has the libraries loaded already.
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import get_commands
from django.db import connection
from psycopg import sql

from vbsdash.command_line import WITHOUT_TABLES

pytestmark = pytest.mark.django_db  # Of each kind of database there is one set up, to make others.
PROJECT = Path(__file__).resolve().parents[3]
SERVER = """
import json, os, runpy, sys
import celery, csp.constants, django_stubs_ext, dotenv, psycopg, yaml
import keystoneauth1.identity, keystoneauth1.loading, structlog
import django.core.management, django.db.migrations.executor
for line in sys.stdin:
    case = json.loads(line)
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        os.environ.clear()
        os.environ.update(case["env"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(writing, 1), os.dup2(writing, 2), os.close(reading), os.close(writing)
        sys.argv = ["manage.py", *case["argv"]]
        sys.path.insert(0, os.getcwd())
        code = 0
        try:
            runpy.run_path("manage.py", run_name="__main__")
        except SystemExit as e:
            code = e.code
            if isinstance(code, str):
                print(code, file=sys.stderr)
                code = 1
        except BaseException:
            import traceback
            traceback.print_exc()
            code = 2
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code or 0)
    os.close(writing)
    with open(reading) as pipe:
        text = pipe.read()
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text]), flush=True)
"""
LAST = sorted(path.stem for path in (PROJECT / "backups" / "migrations").glob("0*.py"))[-1]
ACCOUNT = ("--noinput", "--username", "ada", "--email", "a@example.org")
# How each command that is not in WITHOUT_TABLES is called.
COMMANDS = {
    "axes_list_attempts": (),
    "axes_reset": (),
    "axes_reset_failure_logs": (),
    "axes_reset_ip": ("127.0.0.1",),
    "axes_reset_ip_username": ("127.0.0.1", "ada"),
    "axes_reset_logs": (),
    "axes_reset_username": ("ada",),
    "backup_data": ("/dev/null/none",),
    "changepassword": ("ada",),
    "clearsessions": (),
    "create_token": ("ada",),
    "createcachetable": (),
    "createsuperuser": ACCOUNT,
    "derive": (),
    "dumpdata": (),
    "flush": ("--noinput",),
    "list_disks": (),
    "loaddata": ("-",),
    "prune_audit": ("--before", "2026-01-31"),
    "prune_revisions": (),
    "refresh_backups": ("--seconds", "1"),
    "remove_stale_contenttypes": ("--noinput",),
    "runserver": ("127.0.0.1:1", "--noreload"),
    "sqlflush": (),
    "sqlsequencereset": ("backups",),
}
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs manage.py; returns its exit code, and all that it wrote."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "clouds.yaml").write_text("clouds: {}\n")
    argv, pipe = [sys.executable, "-c", SERVER], subprocess.PIPE
    with subprocess.Popen(argv, cwd=PROJECT, stdin=pipe, stdout=pipe, text=True, env={}) as process:

        def ask(url: str, *argv: str) -> tuple[int, str]:
            env = {
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "VBSDASH_DATA_DIR": str(folder / "data"),
                "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"),
                "CELERY_BROKER_URL": "memory://",
                "DATABASE_URL": url,
                "DJANGO_SUPERUSER_PASSWORD": "a long password",
            }
            assert process.stdin is not None
            assert process.stdout is not None
            print(json.dumps({"env": env, "argv": argv}), file=process.stdin, flush=True)
            code, text = json.loads(process.stdout.readline())
            return code, text

        yield ask
        process.communicate()


class Databases:
    """Makes databases of the kind that this run of tests is on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[str] = []

    def empty(self, name: str) -> str:
        """Returns the address of a new database without tables."""
        if connection.vendor == "sqlite":
            sqlite3.connect(self._folder / name).close()
            return f"sqlite:///{self._folder / name}"
        self._execute("CREATE DATABASE {}", name)
        self._made.append(name)
        return self.address(name)

    def address(self, name: str, user: str = "postgres") -> str:
        base = urlsplit(os.environ["DATABASE_URL"])
        place = f"{base.hostname or ''}:{base.port}" if base.port else base.hostname or ""
        return f"postgres://{user}:s3cret-word@{place}/{name}?{base.query}"

    def change(self, url: str, statement: str) -> None:
        if connection.vendor == "sqlite":
            file = sqlite3.connect(url.removeprefix("sqlite:///"))
            with file:
                file.execute(statement)
            file.close()
            return
        with psycopg.connect(url) as server:
            server.execute(statement.encode())

    def drop_all(self) -> None:
        for name in self._made:
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def _execute(self, statement: str, name: str) -> None:
        with psycopg.connect(self.address("postgres"), autocommit=True) as server:
            server.execute(sql.SQL(statement).format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    made = Databases(tmp_path_factory.mktemp("databases"))
    yield made
    made.drop_all()


@pytest.fixture(scope="module")
def empty(databases: Databases) -> str:
    return databases.empty("empty_one")


@pytest.fixture(scope="module")
def migrated(databases: Databases, run: Run) -> str:
    url = databases.empty("migrated_one")
    assert run(url, "migrate", "-v", "0") == (0, "")
    return url


@pytest.fixture
def older(databases: Databases, migrated: str) -> Iterator[str]:
    databases.change(migrated, f"UPDATE django_migrations SET app = 'none' WHERE name = '{LAST}'")
    yield migrated
    databases.change(
        migrated, f"UPDATE django_migrations SET app = 'backups' WHERE name = '{LAST}'"
    )


@pytest.fixture
def newer(databases: Databases, migrated: str) -> Iterator[str]:
    databases.change(
        migrated,
        "INSERT INTO django_migrations (app, name, applied) "
        "VALUES ('backups', '9998_later', '2030-01-01'), ('auth', '9999_later', '2030-01-01')",
    )
    yield migrated
    databases.change(migrated, "DELETE FROM django_migrations WHERE name LIKE '999%'")


def test_each_command_is_known_to_need_tables_or_not() -> None:
    """A new command has to be named in one of the lists."""
    assert set(get_commands()) == set(COMMANDS) | WITHOUT_TABLES | {"migrate"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_that_there_are_no_tables(run: Run, empty: str, command: str) -> None:
    assert run(empty, command, *COMMANDS[command]) == (
        1,
        "vbsdash: the database of DATABASE_URL is not set up (no such table: django_migrations): "
        "run manage.py migrate.\n",
    )


@pytest.mark.parametrize("command", ["create_token", "list_disks", "derive", "createsuperuser"])
def test_a_command_says_that_a_migration_is_missing(run: Run, older: str, command: str) -> None:
    assert run(older, command, *COMMANDS[command]) == (
        1,
        f"vbsdash: the database of DATABASE_URL is of an older version (backups.{LAST} is "
        "missing): run manage.py migrate.\n",
    )


@pytest.mark.parametrize("command", ["create_token", "derive", "changepassword", "migrate"])
def test_a_command_says_that_the_database_is_too_new(run: Run, newer: str, command: str) -> None:
    assert run(newer, command, *COMMANDS.get(command, ())) == (
        1,
        "vbsdash: the database of DATABASE_URL is of a newer version (auth.9999_later and 1 more "
        "are not known here): start the version that migrated it, or restore a backup of before.\n",
    )


@pytest.mark.parametrize("argv", [("derive", "--help"), ("help", "create_token"), ("derive", "-h")])
def test_help_needs_no_database(run: Run, empty: str, argv: tuple[str, ...]) -> None:
    code, text = run(empty, *argv)
    assert (code, text.startswith("usage: ")) == (0, True)


@pytest.mark.parametrize("argv", [("check",), ("showmigrations",), ("shell", "-c", "print(1)")])
def test_what_needs_no_tables_runs_without(run: Run, empty: str, argv: tuple[str, ...]) -> None:
    code, text = run(empty, *argv)
    assert (code, "Traceback" in text) == (0, False)


def test_a_command_that_is_none_is_named(run: Run, empty: str) -> None:
    assert run(empty, "nonsense") == (
        1,
        "Unknown command: 'nonsense'\nType 'manage.py help' for usage.\n",
    )


def unusable(databases: Databases, folder: Path) -> dict[str, tuple[str, str]]:
    """Returns addresses, and how the sentence ends."""
    text = folder / "text"
    text.write_text("no database at all")
    nowhere = "postgres://vbs:s3cret-word@127.0.0.1:1/vbs"
    no_host = "postgres://vbs:s3cret-word@no-such-host.invalid/vbs"
    if connection.vendor == "sqlite":
        return {
            "no folder": (
                f"sqlite:///{folder}/none/db.sqlite3",
                "create its folder, and give vbsdash the right to write there.",
            ),
            "a folder": (
                f"sqlite:///{folder}",
                "create its folder, and give vbsdash the right to write there.",
            ),
            "a text": (
                f"sqlite:///{text}",
                "name another file, or restore it from a backup.",
            ),
            "away": (nowhere, "start it, or correct the address."),
            "no host": (no_host, "correct its host."),
        }
    return {
        "away": (nowhere, "start it, or correct the address."),
        "no database": (databases.address("no_such"), "create it, or correct its name."),
        "no user": (
            databases.address("postgres", user="nobody_here"),
            "correct its user and password.",
        ),
    }


@pytest.mark.parametrize("command", ["migrate", "create_token"])
def test_a_command_says_that_the_database_cannot_be_used(
    run: Run, databases: Databases, tmp_path: Path, command: str
) -> None:
    for case, (url, cure) in unusable(databases, tmp_path).items():
        code, text = run(url, command, *COMMANDS.get(command, ()))
        assert (case, code, text.count("\n")) == (case, 1, 1)
        assert text.startswith("vbsdash: the database of DATABASE_URL cannot be used (")
        assert (case, text.endswith(f"): {cure}\n")) == (case, True)
        assert "s3cret-word" not in text


def test_no_file_is_made_by_a_command_that_cannot_run(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "none.sqlite3"
    code, text = run(f"sqlite:///{file}", "create_token", "ada")
    assert (code, "is not set up" in text, file.exists()) == (1, True, False)


def test_after_the_cure_the_commands_run(run: Run, migrated: str) -> None:
    assert run(migrated, "createsuperuser", *ACCOUNT)[0] == 0
    code, text = run(migrated, "create_token", "ada")
    # Beside the key, which stands alone on stdout, the log tells of it.
    assert (code, [line[:4] for line in text.splitlines() if line[:4] == "vbs_"]) == (0, ["vbs_"])


def test_who_lets_somebody_in_by_a_command_of_others_is_noted(run: Run, migrated: str) -> None:
    code, text = run(migrated, "axes_reset_ip", "203.0.113.7")
    [line] = [line for line in text.splitlines() if "event='audit'" in line]
    assert (code, "verb='command.run'" in line, "203.0.113.7" in line) == (0, True, True)
    code, text = run(migrated, "changepassword", "nobody")
    assert (code, "event='audit'" in text) == (1, False)
