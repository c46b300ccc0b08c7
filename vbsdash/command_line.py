"""Django's command line, which ends with one sentence where a command needs a database that is not
set up or cannot be used.
"""

import sys

from django.core.management import ManagementUtility
from django.core.management.base import BaseCommand
from django.db import Error

from backups.shared import database_state

# They ask nothing of a database, or look into one as it is. `up` migrates by itself, `restore_data`
# makes the tables.
WITHOUT_TABLES = frozenset(
    {
        "bench",
        "check",
        "collectstatic",
        "compilemessages",
        "dbshell",
        "diffsettings",
        "findstatic",
        "generateschema",
        "inspectdb",
        "makemessages",
        "makemigrations",
        "optimizemigration",
        "restore_data",
        # The parts say themselves what their database lacks, each in its way.
        "run_part",
        "sendtestemail",
        "shell",
        "showmigrations",
        "simulate_vbs",
        "spectacular",
        "sqlmigrate",
        "squashmigrations",
        "startapp",
        "startproject",
        "test",
        "testserver",
        "up",
    }
)


# Commands of others that let somebody in; those of vbsdash note themselves what they change.
NOTED = frozenset(
    {
        "axes_reset",
        "axes_reset_failure_logs",
        "axes_reset_ip",
        "axes_reset_ip_username",
        "axes_reset_logs",
        "axes_reset_username",
        "changepassword",
        "createsuperuser",
    }
)


class CommandLine(ManagementUtility):
    def fetch_command(self, subcommand: str) -> BaseCommand:
        """Returns a command that is to run, or whose help is to be printed."""
        command = super().fetch_command(subcommand)
        is_help = self.argv[1:2] == ["help"] or not {"-h", "--help"}.isdisjoint(self.argv)
        if subcommand not in WITHOUT_TABLES and not is_help:
            end_for(database_state.problem(older_is_fine=subcommand == "migrate"))
        return command


def run(argv: list[str]) -> None:
    try:
        CommandLine(argv).execute()
        # It has come to its end: one that failed has left by SystemExit.
        if argv[1:2] and argv[1] in NOTED:
            _note(argv[1], argv[2:])
    except Error as e:
        end_for(database_state.sentence_of(e))
        # It is a fault of vbsdash itself.
        raise


def _note(command: str, arguments: list[str]) -> None:
    """Notes who ran a command on the host. None of these takes a password as an argument."""
    from backups.models import ObjectKind, Verb
    from backups.shared import audit

    after = {"arguments": arguments}
    audit.note(Verb.COMMAND_RUN, ObjectKind.COMMAND, command, after=after)


def end_for(problem: str | None) -> None:
    if problem is not None:
        sys.exit(f"vbsdash: {problem}.")
