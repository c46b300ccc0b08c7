"""What this process is for, which decides how long its sessions of PostgreSQL may wait, work and
rest.

A session that waits for a lock without end holds up whoever comes behind it, and one that rests in
a transaction keeps its own locks. PostgreSQL itself sets no limit to either. Each limit that is
passed ends in an error that says so: a page or call is a 503, a task is due again, a migration is
tried again.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Role(StrEnum):
    WEB = "web"
    WORKER = "worker"  # the scheduler too
    MIGRATE = "migrate"
    COMMAND = "command"  # any other of manage.py, and whoever imports the settings


@dataclass(frozen=True)
class Limits:
    """In seconds; 0 is none. The names are PostgreSQL's."""

    lock_timeout: int
    statement_timeout: int
    idle_in_transaction_session_timeout: int

    def options(self) -> str:
        """Returns them as libpq's `options`."""
        return (
            f"-c lock_timeout={self.lock_timeout}s "
            f"-c statement_timeout={self.statement_timeout}s "
            "-c idle_in_transaction_session_timeout="
            f"{self.idle_in_transaction_session_timeout}s"
        )


LIMITS = {
    # A person waits, and eight threads serve all of them. The longest query of a page takes less
    # than a second over 100,000 backups; a CSV asks for a thousand rows at a time.
    Role.WEB: Limits(10, 30, 60),
    # A claim ends after 60 s, so a lock that comes later is of no use. Transactions hold no call
    # to a cloud, so they never rest for long. The longest statements prune and derive.
    Role.WORKER: Limits(30, 120, 60),
    # Whoever waits for the lock of a whole table stops all others that come for it, so it is given
    # up soon and tried again. Rewriting a large table takes as long as it takes.
    Role.MIGRATE: Limits(5, 0, 600),
    # Somebody sits in front of it; `derive` reads all bodies, and thinks between two batches.
    Role.COMMAND: Limits(30, 0, 600),
}


class _Process:
    role: Role | None = None  # None: by the command line


def become(role: Role) -> None:
    """Says what this process is, before the settings are read. A web server has a command line of
    its own, which tells nothing: gunicorn, waitress, uwsgi.
    """
    _Process.role = role


def current() -> Role:
    return _Process.role or by_command_line(sys.argv)


def by_command_line(argv: Sequence[str]) -> Role:
    """Returns the role of a process that Celery or manage.py began."""
    if not argv:
        return Role.COMMAND
    program = Path(argv[0])
    # `celery worker`, and `python -m celery worker`.
    if program.name == "celery" or program.parts[-2:] == ("celery", "__main__.py"):
        return Role.WORKER
    command = argv[1] if program.name == "manage.py" and len(argv) > 1 else ""
    if command == "runserver":
        return Role.WEB
    # `up` migrates, and then becomes the runner, which asks no database.
    if command in ("migrate", "up"):
        return Role.MIGRATE
    return Role.COMMAND
