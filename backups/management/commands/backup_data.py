"""`manage.py backup_data FILE`: writes all rows into a file, while everything runs.

`-` is standard output, for a pipe. The file holds hashes of passwords and tokens: it is a secret.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backups.transfer import dump


class Command(BaseCommand):
    help = (
        "Write everything that vbsdash knows into one file, for restore_data. Whoever can read it "
        "can read all of it: keep it as a secret."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="a file that does not exist yet; - is standard output")

    def handle(self, *, file: str, **options: object) -> None:
        try:
            with _opened(file) as out:
                header = dump.write(out, made_at=timezone.now())
        except OSError as e:
            raise CommandError(f"{file} cannot be written: {e.strerror or e}.") from e
        # Standard output may be the file.
        said_to = self.stderr if file == "-" else self.stdout
        said_to.write(f"{header.rows:,} rows of {len(header.tables)} tables are written to {file}.")


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """Opens what is to be written. A file has its name once it is whole and on the disk."""
    if file == "-":
        if sys.stdout.isatty():
            raise CommandError("- writes to a pipe or into a file, and not to a terminal.")
        # Not Python's own stream, which would complain a second time of a disk that is full.
        with open(sys.stdout.fileno(), "wb", closefd=False) as out:
            yield out
        return
    whole = Path(file)
    if whole.exists():
        raise CommandError(f"{file} exists: name another file, or remove it.")
    part = whole.with_name(f"{whole.name}.part")
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as e:
        raise CommandError(
            f"{part} exists: another backup is being written, or was cut short; remove it then."
        ) from e
    try:
        with open(fd, "wb") as out:
            yield out
            out.flush()
            os.fsync(fd)
        part.rename(whole)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
