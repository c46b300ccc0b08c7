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
    except Error as e:
        end_for(database_state.sentence_of(e))
        # It is a fault of vbsdash itself.
        raise


def end_for(problem: str | None) -> None:
    if problem is not None:
        sys.exit(f"vbsdash: {problem}.")
