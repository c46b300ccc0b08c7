"""Keeps a copy of an SQLite database as it was before its last upgrade: `FILE.before-upgrade-DATE`.

While the upgrade lasts the copy ends in `.unfinished-upgrade`. A start after one that was cut off
keeps that copy, as the database itself is half-way by then.
"""

import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

UNFINISHED = ".unfinished-upgrade"
FINISHED = ".before-upgrade-"
# The copy, and what SQLite writes beside the file while a table is made anew.
ROOM = 2.5  # times the size of the database


class NoRoom(Exception):
    """The text is a sentence with the cure, without a full stop at its end."""


def keep(file: Path) -> Path:
    """Returns the copy of before; makes it unless an upgrade was cut off. Raises NoRoom."""
    copy = Path(f"{file}{UNFINISHED}")
    if copy.exists() and _migrations(copy) != _migrations(file):
        return copy
    _check_room(file)
    # A copy that is cut off has another name, so that nobody takes it for a whole one.
    part = Path(f"{copy}.part")
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(part)) as target:
        source.backup(target)
    part.replace(copy)
    return copy


def finish(file: Path, copy: Path, *, now: datetime) -> Path:
    """Names the copy by its date, once the upgrade is done, and removes the one of the upgrade
    before. Returns its path.
    """
    older = list(file.parent.glob(f"{file.name}{FINISHED}*"))
    dated = Path(f"{file}{FINISHED}{now:%Y%m%dT%H%M%SZ}")
    copy.replace(dated)
    for path in older:
        if path != dated:
            path.unlink()
    return dated


def _migrations(file: Path) -> int:
    """Returns how many migrations a database has got."""
    with closing(sqlite3.connect(file)) as database:
        count: int = database.execute("SELECT count(*) FROM django_migrations").fetchone()[0]
    return count


def _check_room(file: Path) -> None:
    size = file.stat().st_size
    wal = Path(f"{file}-wal")
    if wal.exists():
        size += wal.stat().st_size
    free = shutil.disk_usage(file.parent).free
    if free < ROOM * size:
        raise NoRoom(
            f"the upgrade keeps a copy of {file}, for which {_mb(ROOM * size)} MB have to be free, "
            f"and there are {_mb(free)}: make room, or keep a copy elsewhere and run manage.py "
            "migrate, which makes none"
        )


def _mb(size: float) -> str:
    return f"{size / 1_000_000:,.0f}"
