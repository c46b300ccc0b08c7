"""A way back, by the commands themselves: while people and workers write, from one database to the
other and back again, and killed in the middle.
"""

import fcntl
import gzip
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backups.tests.faults.parts import PROJECT
from backups.tests.run_settings import LIMIT_S
from backups.tests.vbsdash.test_command_line import Databases
from backups.tests.waiting import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.real_clock, pytest.mark.soak]
# Each transaction raises two numbers that are equal before and after it, and adds a row of it.
WRITER = """
import django; django.setup()
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from backups.models import Backup, Edit, Volume
from backups.models.data_version import data_changed
print("writing", flush=True)
while True:
    with transaction.atomic():
        Volume.objects.update(version=F("version") + 1)
        Backup.objects.update(version=F("version") + 1)
        backup = Backup.objects.first()
        Edit.objects.create(backup=backup, at=timezone.now(), by="ada", field="note")
        data_changed()
"""
FILL = """
import uuid
from django.contrib.auth.models import User
from django.utils import timezone
from backups.models import Backup, Body, Cloud, Volume
now = timezone.now()
User.objects.create_superuser("ada", "", "a long password")
cloud = Cloud.objects.create(name="otc")
ids = [uuid.UUID(int=n + 1) for n in range(2000)]
Backup.objects.bulk_create([Backup(id=i, cloud=cloud, tracked_at=now, name="x") for i in ids])
Body.objects.bulk_create(
    [Body(backup_id=i, received_at=now, http_status=200, text=uuid.uuid4().hex * 20) for i in ids]
)
Volume.objects.create(cloud=cloud, volume_id="disk", first_seen_at=now)
"""
# The first transaction makes the first edit, when both numbers become 2.
JUDGE = """
from backups.models import Backup, Edit, Volume
versions = set(Backup.objects.values_list("version", flat=True))
versions |= set(Volume.objects.values_list("version", flat=True))
print(versions == {Edit.objects.count() + 1}, Backup.objects.count())
"""


class Installation:
    """Runs manage.py on one database."""

    def __init__(self, folder: Path, url: str) -> None:
        (folder / "clouds.yaml").write_text("clouds: {}\n")
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DJANGO_SETTINGS_MODULE": "vbsdash.settings",
            "VBSDASH_DATA_DIR": str(folder / "data"),
            "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"),
            "CELERY_BROKER_URL": "memory://",
            "DATABASE_URL": url,
        }

    def start(self, *argv: str, stdin: int | None = None) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *argv],
            env=self.env,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *argv: str) -> tuple[int, str]:
        with self.start("manage.py", *argv) as process:
            text, _ = process.communicate(timeout=LIMIT_S)
            return process.returncode, text

    def shell(self, code: str) -> str:
        status, text = self.run("shell", "-v", "0", "-c", code)
        assert status == 0, text
        return text.strip()


@contextmanager
def writing(installation: Installation) -> Iterator[None]:
    """Somebody writes without end."""
    with installation.start("-c", WRITER) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        try:
            yield
            assert process.poll() is None
        finally:
            process.kill()


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[Databases]:
    made = Databases(tmp_path)
    yield made
    made.drop_all()


def rows(file: Path) -> tuple[list[bytes], int]:
    """Returns the rows but those that tell of a restore, and how many of these there are. Before
    the rows is the time, behind them a checksum of it all.
    """
    all_rows = gzip.decompress(file.read_bytes()).splitlines()[1:-1]
    others = [row for row in all_rows if b'"data.restore"' not in row]
    return others, len(all_rows) - len(others)


def test_what_is_copied_while_others_write_is_of_one_moment_and_goes_to_any_database(
    databases: Databases, tmp_path: Path
) -> None:
    here = Installation(tmp_path, databases.empty("way_here"))
    assert here.run("migrate", "-v", "0") == (0, "")
    here.shell(FILL)
    first, second, third = (tmp_path / name for name in ("first.gz", "second.gz", "third.gz"))
    with writing(here):
        code, text = here.run("backup_data", str(first))
        assert (code, f"are written to {first}." in text) == (0, True)
    assert first.stat().st_mode & 0o777 == 0o600
    assert here.run("backup_data", str(first)) == (
        1,
        f"CommandError: {first} exists: name another file, or remove it.\n",
    )
    # SQLite on both runs, and on one of them it comes from PostgreSQL and goes back there.
    elsewhere = Installation(tmp_path, f"sqlite:///{tmp_path}/elsewhere.sqlite3")
    code, text = elsewhere.run("restore_data", str(first))
    assert (code, "Everybody signs in once more." in text) == (0, True)
    assert (tmp_path / "elsewhere.sqlite3").stat().st_mode & 0o777 == 0o600
    assert elsewhere.shell(JUDGE) == "True 2000"
    assert elsewhere.run("backup_data", str(second))[0] == 0
    back = Installation(tmp_path, databases.empty("way_back"))
    assert back.run("restore_data", str(second))[0] == 0
    assert back.shell(JUDGE) == "True 2000"
    assert back.run("backup_data", str(third))[0] == 0
    of_first, restores = rows(first)
    assert restores == 0
    for file, restores in ((second, 1), (third, 2)):
        of_file, noted = rows(file)
        assert noted == restores
        changed = [pair for pair in zip(of_first, of_file, strict=True) if pair[0] != pair[1]]
        assert changed == []
    assert sorted(file.name for file in tmp_path.glob("*.part")) == []


@pytest.mark.long
def test_a_restore_that_is_killed_or_cut_off_leaves_nothing(
    databases: Databases, tmp_path: Path
) -> None:
    here = Installation(tmp_path, databases.empty("way_cut"))
    assert here.run("migrate", "-v", "0") == (0, "")
    here.shell(FILL)
    file = tmp_path / "file.gz"
    assert here.run("backup_data", str(file))[0] == 0
    content = file.read_bytes()
    half = tmp_path / "half.gz"
    half.write_bytes(content[: len(content) // 2])
    target = Installation(tmp_path, databases.empty("way_target"))
    assert target.run("restore_data", str(half)) == (
        1,
        "CommandError: Nothing was restored: the file cannot be restored: it is cut off: the end "
        "is missing.\n",
    )
    reading, writing_end = os.pipe()
    with target.start("manage.py", "restore_data", "-", stdin=reading) as process:
        os.write(writing_end, content[:60_000])
        # It has taken all that there is and waits for more, with the half of it in its transaction.
        wait_until(lambda: is_empty(reading))
        process.send_signal(signal.SIGKILL)
    os.close(reading)
    os.close(writing_end)
    code, text = target.run("derive")
    assert (code, "is not set up (no such table: django_migrations)" in text) == (1, True)
    assert target.run("restore_data", str(file))[0] == 0
    assert target.shell("from backups.models import Body; print(Body.objects.count())") == "2000"


def is_empty(pipe: int) -> bool:
    return fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4) == b"\0" * 4


@pytest.mark.once
def test_a_full_disk_and_a_folder_that_is_missing_are_named(
    databases: Databases, tmp_path: Path
) -> None:
    here = Installation(tmp_path, databases.empty("way_full"))
    assert here.run("migrate", "-v", "0") == (0, "")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "manage.py", "backup_data", "-"],
            env=here.env,
            cwd=PROJECT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "CommandError: - cannot be written: No space left on device.\n",
    )
    missing = tmp_path / "none" / "file.gz"
    assert here.run("backup_data", str(missing)) == (
        1,
        f"CommandError: {missing} cannot be written: No such file or directory.\n",
    )
    assert here.run("restore_data", str(missing)) == (
        1,
        f"CommandError: {missing} cannot be read: No such file or directory.\n",
    )
