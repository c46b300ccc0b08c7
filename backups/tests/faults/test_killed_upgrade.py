"""`manage.py migrate` on a database of the first version, killed after each of its steps."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backups.tests.faults.parts import PROJECT, database, open_folder
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until

pytestmark = [pytest.mark.soak, pytest.mark.real_clock]
FILLED = PROJECT / "backups" / "tests" / "databases" / "filled_at_a2b53ae.json"
# Rows of then, through the models of then.
FILL = """
import json, django
django.setup()
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from backups.tests.models.test_migrations import load
call_command("migrate", "backups", "0002", verbosity=0)
call_command("migrate", "auth", verbosity=0)
call_command("migrate", "sessions", verbosity=0)
call_command("migrate", "axes", verbosity=0)
state = MigrationExecutor(connection).loader.project_state([("backups", "0002_revision_index")])
load(state.apps, json.load(open({file!r})))
"""


def run(argv: list[str], env: dict[str, str]) -> None:
    subprocess.run([sys.executable, *argv], cwd=PROJECT, env=env, timeout=LIMIT_S, check=True)


def ask(url: str, statement: str) -> list[Any]:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=LIMIT_S)) as file:
            return file.execute(statement).fetchall()
    with psycopg.connect(url) as server:
        return server.execute(statement.encode()).fetchall()


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as opened:
        yield opened


@pytest.mark.parametrize("postgresql", [False, True], ids=["SQLite", "PostgreSQL"])
def test_an_upgrade_that_is_killed_again_and_again_comes_to_its_end(
    folder: Path, postgresql: bool
) -> None:
    house = database(folder, postgresql=postgresql)
    (folder / "clouds.yaml").write_text("clouds: {}\n")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DJANGO_SETTINGS_MODULE": "vbsdash.settings",
        "VBSDASH_DATA_DIR": str(folder / "data"),
        "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"),
        "DATABASE_URL": house.url,
    }
    try:
        run(["-c", FILL.format(file=str(FILLED))], env)
        kills = 0
        while was_killed_after_a_step(house.url, env):
            kills += 1
        assert kills >= 5
        assert ask(house.url, "SELECT count(*) FROM backups_backup") == [(46,)]
        assert ask(house.url, "SELECT count(*) FROM backups_volume") == [(20,)]
        run(["manage.py", "migrate", "--check"], env)
        run(["manage.py", "derive"], env)
    finally:
        house.close()


def was_killed_after_a_step(url: str, env: dict[str, str]) -> bool:
    """Returns False when the upgrade ended before it could be killed."""
    statement = "SELECT count(*) FROM django_migrations"
    before = ask(url, statement)
    with subprocess.Popen(
        [sys.executable, "manage.py", "migrate", "-v0"], cwd=PROJECT, env=env
    ) as process:
        wait_until(lambda: process.poll() is not None or ask(url, statement) != before)
        process.send_signal(signal.SIGKILL)
        code = process.wait(LIMIT_S)
    # One that failed by itself would be no kill.
    assert code in (0, -signal.SIGKILL)
    return code != 0
