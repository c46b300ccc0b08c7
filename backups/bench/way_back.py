"""A way back: every row into one file and into the database again, by the commands that an operator
calls, beside bare loops over the same rows and the same file.
"""

import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import timezone

from backups.bench.fill import ready
from backups.bench.report import Report, size, spent
from backups.transfer.data_file import COMPRESSION_LEVEL
from backups.transfer.tables import moved_tables

MOST_S = 60.0
MOST_MB = 250.0
ROWS_AT_ONCE = 2000
# Starts a command and prints what it cost. What a process begins with in memory counts as its own,
# and this small one has next to nothing.
COST = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
code = process.returncode = os.waitstatus_to_exitcode(status)
print(json.dumps([code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""


@dataclass(frozen=True)
class Cost:
    """Of one process: seconds of the wall and of the processors, and MB at its largest."""

    wall: float
    cpu: float
    memory: float


def run(report: Report) -> None:
    now = timezone.now()
    ready(now)
    report.head(f"A way back of {size():,} backups")
    with tempfile.TemporaryDirectory(prefix="vbs") as folder:
        file, again, bare = (Path(folder) / name for name in ("file", "again", "bare"))
        bare_write = spent(partial(_write_bare, bare)).cpu
        written = _command("backup_data", str(file))
        report.row("backup_data", written.wall, "s", most=MOST_S)
        report.row("  its CPU, beside a bare loop", written.cpu, "s", reference=bare_write)
        report.row("  its memory", written.memory, "MB", most=MOST_MB)
        report.row("  the file", file.stat().st_size / 1e6, "MB")
        bare_read = spent(partial(_read_bare, file)).cpu
        read = _command("restore_data", str(file), "--replace", "--noinput")
        report.row("restore_data", read.wall, "s", most=MOST_S)
        report.row("  its CPU, beside reading alone", read.cpu, "s", reference=bare_read)
        report.row("  its memory", read.memory, "MB", most=MOST_MB)
        _command("backup_data", str(again))
        report.row("  rows that are not as they were", _different(file, again), "", most=0)


def _command(*argv: str) -> Cost:
    """Runs a command on the database that is measured here."""
    # An open connection would hold no lock, and yet see the tables go.
    connection.close()
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", COST, sys.executable, "manage.py", *argv],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        check=True,
    )
    wall = time.perf_counter() - began
    code, cpu, memory_kib = json.loads(done.stdout)
    if code != 0:
        raise RuntimeError(f"{argv[0]} ended with {code}")
    return Cost(wall=wall, cpu=cpu, memory=memory_kib * 1024 / 1e6)


def _write_bare(file: Path) -> None:
    """Every column of every row as the database hands it out, as JSON, packed alike."""
    with gzip.open(file, "wt", compresslevel=COMPRESSION_LEVEL) as out:
        for model in moved_tables(apps).values():
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM {model._meta.db_table}")  # noqa: S608 - ours
                rows = cursor.fetchmany(ROWS_AT_ONCE)
                while rows:
                    out.writelines(json.dumps(row, default=str) + "\n" for row in rows)
                    rows = cursor.fetchmany(ROWS_AT_ONCE)


def _read_bare(file: Path) -> None:
    for line in _lines(file):
        json.loads(line)


def _different(file: Path, again: Path) -> int:
    """Counts rows; the first line has the time of the file, the last one a checksum of it all. That
    there was a restore is one row more.
    """
    count = 0
    lines_again = (line for line in _lines(again) if b'"data.restore"' not in line)
    for line, line_again in zip(_lines(file), lines_again, strict=True):
        if line != line_again and line[:1] == b"[" and json.loads(line) != json.loads(line_again):
            count += 1
    return count


def _lines(file: Path) -> Iterator[bytes]:
    with gzip.open(file, "rb") as lines:
        yield from lines
