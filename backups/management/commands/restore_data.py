"""`manage.py restore_data FILE`: brings what backup_data wrote into an empty database.

`-` is standard input.
"""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from backups.transfer import restore
from backups.transfer.restore import NotRestored


class Command(BaseCommand):
    help = (
        "Bring everything of a file of backup_data, of this or an older version, into an empty "
        "database, of whatever kind. All of it or, if anything is wrong, nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="what backup_data has written; - is standard input")
        parser.add_argument(
            "--replace",
            action="store_true",
            help="remove what is there, after a question",
        )
        parser.add_argument(
            "--noinput", "--no-input", action="store_false", dest="interactive", help="do not ask"
        )

    def handle(self, *, file: str, replace: bool, interactive: bool, **options: object) -> None:
        # A file of SQLite that is made here is for its owner only.
        os.umask(0o077)
        if replace and interactive:
            self._ask()
        try:
            with _opened(file) as source:
                header = restore.restore(source, now=timezone.now(), replace=replace)
        except OSError as e:
            raise CommandError(f"{file} cannot be read: {e.strerror or e}.") from e
        except NotRestored as e:
            raise CommandError(f"Nothing was restored: {e}.") from e
        self.stdout.write(
            f"{header.rows:,} rows of {len(header.tables)} tables are restored, as they were at "
            f"{header.made_at}. Everybody signs in once more."
        )

    def _ask(self) -> None:
        contents = restore.what_is_there()
        if not contents:
            return
        if not sys.stdin.isatty():
            raise CommandError("--replace asks at a terminal; a script says --noinput too.")
        name = Path(connection.settings_dict["NAME"]).name
        self.stdout.write(f"The database {name} holds {', '.join(contents)}. All of it will go.")
        if input(f"Type {name} to replace it: ") != name:
            raise CommandError("Nothing was restored.")


def _opened(file: str) -> AbstractContextManager[BinaryIO]:
    if file == "-":
        return nullcontext(sys.stdin.buffer)
    return Path(file).open("rb")
