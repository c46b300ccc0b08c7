"""Sessions of PostgreSQL have limits by what their process is for; DATABASE_URL may name others."""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from backups.runner import parts, ports
from backups.tests.faults.parts import Part
from backups.tests.run_settings import LIMIT_S
from backups.tests.vbsdash.test_command_line import Databases
from backups.tests.waiting import wait_until
from vbsdash.process_role import Role, by_command_line

NAMES = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
# A row for each session that begins, by PostgreSQL's own trigger.
WATCH = """
CREATE TABLE begun (application text, lock_timeout text, statement_timeout text, idle text);
CREATE FUNCTION note_session() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN
INSERT INTO begun VALUES (
    current_setting('application_name'), current_setting('lock_timeout'),
    current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'));
END $$;
CREATE EVENT TRIGGER note_session ON login EXECUTE FUNCTION note_session();
ALTER EVENT TRIGGER note_session ENABLE ALWAYS;
"""


@pytest.mark.parametrize(
    ("argv", "role"),
    [
        (["/opt/vbsdash/.venv/bin/celery", "-A", "vbsdash", "worker"], Role.WORKER),
        (["/lib/celery/__main__.py", "--quiet", "--app", "vbsdash", "beat"], Role.WORKER),
        (["manage.py", "runserver", "0:8000"], Role.WEB),
        (["/opt/vbsdash/manage.py", "migrate"], Role.MIGRATE),
        (["manage.py", "up"], Role.MIGRATE),
        (["manage.py", "derive"], Role.COMMAND),
        (["manage.py"], Role.COMMAND),
        (["/lib/pytest/__main__.py", "migrate"], Role.COMMAND),
        (["-c"], Role.COMMAND),
        ([], Role.COMMAND),
    ],
)
def test_a_process_is_known_by_its_command_line(argv: Sequence[str], role: Role) -> None:
    assert by_command_line(argv) == role


@pytest.mark.django_db
def test_each_real_process_begins_its_sessions_with_its_limits(tmp_path: Path) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no sessions")
    url = Databases(tmp_path).empty("limits")
    (tmp_path / "clouds.yaml").write_text("clouds: {}\n")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "VBSDASH_DATA_DIR": str(tmp_path / "data"),
        "OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml"),
        "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
        "DATABASE_URL": url,
    }
    listener = ports.listen("127.0.0.1", 0)
    web = parts.web_part(listener.fileno(), port=listener.getsockname()[1])
    log = tmp_path / "log"
    manage = (sys.executable, "manage.py")
    theirs = {**env, "DATABASE_URL": f"{url}&options=-c%20lock_timeout%3D7s"}
    running = [
        Part(web.argv, {**env, **web.env}, log, web.pass_fds),
        Part(parts.worker_part().argv, env, log),
        Part((*manage, "migrate", "--plan"), env, log),
        Part((*manage, "showmigrations"), theirs, log),
    ]
    expected = {
        ("vbsdash web", "10s", "30s", "1min"),
        ("vbsdash worker", "30s", "2min", "1min"),
        ("vbsdash migrate", "5s", "0", "10min"),
        ("vbsdash command", "7s", "0", "10min"),
    }
    with psycopg.connect(url, autocommit=True) as session, ExitStack() as stack:
        session.execute(WATCH)
        stack.callback(listener.close)
        for part in running:
            stack.callback(part.end, signal.SIGKILL)
            part.start()

        def begun() -> set[tuple[str, ...]]:
            return set(session.execute("SELECT * FROM begun").fetchall())

        wait_until(lambda: expected <= begun(), lambda: f"{begun()} {log.read_text()}")
        assert begun() == expected


@pytest.mark.django_db(transaction=True)
def test_a_migration_that_meets_a_held_table_is_tried_again(tmp_path: Path) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no locks of tables")
    url = Databases(tmp_path).empty("held")
    (tmp_path / "clouds.yaml").write_text("clouds: {}\n")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "VBSDASH_DATA_DIR": str(tmp_path / "data"),
        "OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml"),
        "CELERY_BROKER_URL": "memory://",
        # Short, so that nobody waits here.
        "DATABASE_URL": f"{url}&options=-c%20lock_timeout%3D50ms",
    }
    log = tmp_path / "log"
    migrate = Part((sys.executable, "manage.py", "migrate", "backups", "0001"), env, log)
    with psycopg.connect(url) as holder:
        holder.execute("CREATE TABLE django_migrations (id int, app text, name text, applied text)")
        holder.commit()
        holder.execute("LOCK TABLE django_migrations IN SHARE MODE")
        migrate.start()
        try:
            wait_until(lambda: "trying again in 1 s." in log.read_text(), log.read_text)
            assert "Traceback" not in log.read_text()
            holder.execute("DROP TABLE django_migrations")
            holder.commit()
            assert migrate.process is not None
            assert migrate.process.wait(LIMIT_S) == 0, log.read_text()
        finally:
            migrate.kill()
