"""Each migration on a filled database of the first version, while others read and write: how long
it takes, and how long the others wait for its locks.

The rows are those of this version, taken back through the migrations. On SQLite a migration has the
file to itself, so only its time is told there.
"""

import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import psycopg
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from backups.bench import fill
from backups.bench.report import Report, size
from backups.models import Backup, Volume

# The last migration of the version before all that are measured (a2b53ae, 1.0.0).
FIRST_VERSION = "0002_revision_index"
LONGEST_WAIT_S = 5.0
ROWS = 64  # how many of the rows, all over the tables, are written again and again
# Statements of workers and pages whose columns are the same before and after all migrations.
READS = (
    b"SELECT status FROM backups_backup WHERE id = %s",
    b"SELECT text FROM backups_body WHERE backup_id = %s",
    b"SELECT count(*) FROM backups_volume WHERE derive_at < now() AND %s::text IS NULL",
    b"SELECT last_good_at FROM backups_cloud WHERE %s::text IS NOT NULL",
)
WRITES = (
    b"UPDATE backups_backup SET attempted_at = attempted_at WHERE id = %s",
    b"UPDATE backups_searchtext SET text = text WHERE backup_id = %s",
    b"UPDATE backups_volume SET tracked = tracked WHERE volume_id ="
    b" (SELECT volume_id FROM backups_backup WHERE id = %s)",
    b"UPDATE backups_cloud SET attempted_at = attempted_at WHERE %s::text IS NOT NULL",
)
# What migrations hold against others at this moment, the strongest mode first.
HELD = b"""
    SELECT relation::regclass::text, mode FROM pg_locks JOIN pg_class ON pg_class.oid = relation
    WHERE pid = %s AND granted AND relkind = 'r' AND relname LIKE 'backups%%'
    AND mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock')
"""
SAMPLE_EVERY_S = 0.05
PAUSE_S = 0.01  # between two statements


class Others:
    """Reads and writes single rows beside a migration, and notes the longest wait of each."""

    def __init__(self, keys: list[object], migrating_pid: int) -> None:
        self.longest_wait_s = dict.fromkeys((*READS, *WRITES), 0.0)
        self.held_s: dict[str, float] = {}  # by table and mode, as sampled
        self.errors: set[str] = set()
        self._keys = keys
        self._pid = migrating_pid
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(READS,)),
            threading.Thread(target=self._repeat, args=(WRITES,)),
            threading.Thread(target=self._sample),
        ]

    def __enter__(self) -> "Others":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def longest(self, statements: tuple[bytes, ...]) -> float:
        return max(self.longest_wait_s[statement] for statement in statements)

    def _repeat(self, statements: tuple[bytes, ...]) -> None:
        with _another_connection() as other:
            for key in cycle(self._keys):
                for statement in statements:
                    if self._is_over.wait(PAUSE_S):
                        return
                    self._measure(other, statement, key)

    def _measure(self, other: psycopg.Connection, statement: bytes, key: object) -> None:
        began = time.perf_counter()
        try:
            other.execute(statement, [key])
        except psycopg.Error as e:
            self.errors.add(str(e).partition("\n")[0])
        waited = time.perf_counter() - began
        self.longest_wait_s[statement] = max(self.longest_wait_s[statement], waited)

    def _sample(self) -> None:
        first_seen: dict[str, float] = {}
        with _another_connection() as other:
            while not self._is_over.wait(SAMPLE_EVERY_S):
                now = time.perf_counter()
                held = {f"{table} {mode}" for table, mode in other.execute(HELD, [self._pid])}
                first_seen = {lock: first_seen.get(lock, now) for lock in held}
                for lock, since in first_seen.items():
                    self.held_s[lock] = max(self.held_s.get(lock, 0.0), now - since)


@contextmanager
def _another_connection() -> Iterator[psycopg.Connection]:
    params = connection.get_connection_params()
    names = ("dbname", "host", "port", "user", "password")
    wanted = {name: params[name] for name in names if params.get(name)}
    with psycopg.connect(**wanted, autocommit=True) as other:
        yield other


@contextmanager
def _copy() -> Iterator[None]:
    """Replaces the database in use by a copy, for a while."""
    name = str(connection.settings_dict["NAME"])
    copy = f"{name}_upgrade"
    connection.close()
    if connection.vendor == "sqlite":
        shutil.copyfile(name, copy)
    else:
        _on_server(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
    connection.settings_dict["NAME"] = copy
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
        if connection.vendor == "sqlite":
            Path(copy).unlink()
        else:
            _on_server(f'DROP DATABASE "{copy}"')


def _on_server(statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def _make_it_old() -> None:
    """Writes what earlier versions wrote and migrations repair: in a sixteenth of the rows an ID
    that cannot be one, in some disks the other spelling of theirs, in all texts the old folding.
    """
    with connection.cursor() as cursor:
        cursor.execute("UPDATE backups_searchtext SET text = text || '\u2010'")
    Backup.objects.filter(pk__lt=uuid.UUID(int=1 << 124)).update(tenant_id="0" * 32)
    for volume in Volume.objects.order_by("pk")[: size() // 1000]:
        Backup.objects.filter(cloud=volume.cloud_id, volume_id=volume.volume_id).update(
            volume_id=volume.volume_id.upper()
        )
        Volume.objects.filter(pk=volume.pk).update(volume_id=volume.volume_id.upper())
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def run(report: Report) -> None:
    report.head(f"Migrations from the first version, with {size():,} backups")
    fill.ready(timezone.now())
    with _copy():
        _make_it_old()
        MigrationExecutor(connection).migrate([("backups", FIRST_VERSION)])
        measure(report)


def measure(report: Report) -> None:
    """Migrates the database in use, step by step."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes("backups"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM backups_backup ORDER BY id")
        keys = [row[0] for row in cursor.fetchall()]
    keys = keys[:: max(1, len(keys) // ROWS)]
    for migration, _backwards in plan:
        step = [(migration.app_label, migration.name)]
        began = time.perf_counter()
        if connection.vendor == "sqlite":
            MigrationExecutor(connection).migrate(step)
            report.row(migration.name, time.perf_counter() - began, "s")
            continue
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        with Others(keys, pid) as others:
            MigrationExecutor(connection).migrate(step)
        report.row(migration.name, time.perf_counter() - began, "s")
        report.row("  a reader waited", others.longest(READS), "s", most=LONGEST_WAIT_S)
        report.row("  a writer waited", others.longest(WRITES), "s", most=LONGEST_WAIT_S)
        for lock, seconds in sorted(others.held_s.items()):
            report.row(f"  held {lock}", seconds, "s")
        for error in sorted(others.errors):
            report.head(f"    an error of the others: {error}")
