"""The copy of an SQLite database that is kept while it is upgraded, and after it."""

import shutil
import sqlite3
from collections import namedtuple
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backups.runner import database_copy

NOW = datetime(2026, 11, 29, 16, 30, tzinfo=UTC)
Usage = namedtuple("Usage", "total used free")


class Database:
    """A database with the table of migrations, open in a program that has not written all to its
    file yet.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.connection = sqlite3.connect(file, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("CREATE TABLE django_migrations (name TEXT)")
        self.migrate("0001")

    def migrate(self, name: str) -> None:
        self.connection.execute("INSERT INTO django_migrations VALUES (?)", [name])


def names(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return [row[0] for row in database.execute("SELECT name FROM django_migrations")]


def copies(database: Database) -> list[str]:
    return sorted(path.name for path in database.file.parent.glob(f"{database.file.name}.*"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "vbsdash.sqlite3")
    yield database
    database.connection.close()


def test_the_last_copy_of_before_is_kept_and_no_other(database: Database) -> None:
    for name in ("0002", "0003"):
        copy = database_copy.keep(database.file)
        database.migrate(name)
        now = NOW.replace(minute=int(name))
        kept = database_copy.finish(database.file, copy, now=now)
    assert copies(database) == ["vbsdash.sqlite3.before-upgrade-20261129T160300Z"]
    assert kept.name == copies(database)[0]
    assert names(kept) == ["0001", "0002"]


def test_an_upgrade_that_was_cut_off_goes_on_with_its_copy(database: Database) -> None:
    copy = database_copy.keep(database.file)
    database.migrate("0002")
    again = database_copy.keep(database.file)
    database.migrate("0003")
    assert again == copy
    assert names(database_copy.finish(database.file, again, now=NOW)) == ["0001"]


def test_a_copy_of_an_upgrade_that_never_began_is_made_anew(database: Database) -> None:
    database_copy.keep(database.file)
    database.connection.execute("CREATE TABLE of_later (x)")
    copy = database_copy.keep(database.file)
    with closing(sqlite3.connect(copy)) as copied:
        assert copied.execute("SELECT count(*) FROM of_later").fetchone() == (0,)


def test_a_copy_that_was_cut_off_is_no_copy(database: Database) -> None:
    part = database.file.with_name("vbsdash.sqlite3.unfinished-upgrade.part")
    part.write_bytes(database.file.read_bytes()[:100])
    assert names(database_copy.keep(database.file)) == ["0001"]
    assert copies(database) == ["vbsdash.sqlite3.unfinished-upgrade"]


def test_without_room_for_a_copy_nothing_is_done(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(database_copy.NoRoom, match="have to be free, and there are 0: make room"):
        database_copy.keep(database.file)
    assert copies(database) == []
