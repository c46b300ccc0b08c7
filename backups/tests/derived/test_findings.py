"""When a backup in flight counts as stuck, by how long the backups of its disk take."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from backups.derived import findings
from backups.models import Backup, Cloud
from backups.tests.facts import NOON

pytestmark = [pytest.mark.either, pytest.mark.django_db]
H = timedelta(hours=1)
BEGAN = NOON - H


def backup(n: int, **fields: Any) -> Backup:
    plain = {"cloud_id": "otc", "volume_id": "db-01", "kind": "full", "tracked_at": NOON}
    return Backup.objects.create(id=uuid.UUID(int=n), refreshed_at=NOON, **plain | fields)


def finished(n: int, *, took: timedelta, **fields: Any) -> None:
    """A good backup, made `n` days ago."""
    began = NOON - timedelta(days=n)
    plain = {"status": "available", "outcome": "good", "created_at": began}
    backup(n, updated_at=began + took, **plain | fields)


def stuck_after() -> timedelta:
    """How long after its beginning a full backup of db-01 counts as stuck."""
    running = backup(1000, status="creating", created_at=BEGAN)
    findings.note([running.pk], NOON)
    running.refresh_from_db()
    assert running.stuck_at is not None
    return running.stuck_at - BEGAN


@pytest.fixture(autouse=True)
def otc() -> Cloud:
    return Cloud.objects.create(name="otc")


def test_what_moves_is_never_stuck_and_knows_what_is_usual() -> None:
    """It went from 56 to 60 percent: slow, perhaps, and not stuck."""
    for n in (1, 2, 3):
        finished(n, took=H / 2)
    running = backup(1000, status="creating", created_at=NOON - 9 * H, progress=56)
    findings.note([running.pk], NOON - 2 * H)
    running.refresh_from_db()
    assert running.stuck_at == NOON + timedelta(minutes=10)  # it was not seen to move yet
    for minutes, progress in ((5, 57), (50, 58), (100, 60)):
        at = NOON + timedelta(minutes=minutes)
        Backup.objects.filter(pk=running.pk).update(progress=progress, refreshed_at=at)
        findings.note([running.pk], at)
        running.refresh_from_db()
        assert running.stuck_at == at + H
    assert running.running is not None
    assert running.running["usual"] == 1800
    # The same answer once more moves nothing.
    Backup.objects.filter(pk=running.pk).update(refreshed_at=NOON + 3 * H)
    findings.note([running.pk], NOON + 3 * H)
    running.refresh_from_db()
    assert running.stuck_at == NOON + timedelta(minutes=160)


def test_without_progress_it_is_stuck_after_three_times_what_its_disk_usually_takes() -> None:
    for n in (1, 2, 3):
        finished(n, took=5 * H)
    assert stuck_after() == 15 * H


def test_without_three_of_its_own_kind_and_disk_it_is_stuck_after_two_hours() -> None:
    for n in (1, 2):
        finished(n, took=5 * H)
    finished(3, took=5 * H, kind="incremental")
    finished(4, took=5 * H, volume_id="db-02")
    finished(5, took=5 * H, outcome="failed")
    assert stuck_after() == 2 * H


def test_the_newest_twenty_tell_what_is_usual() -> None:
    for n in range(1, 21):
        finished(n, took=5 * H if n <= 11 else 10 * H)
    for n in range(21, 41):
        finished(n, took=10 * H)
    assert stuck_after() == 15 * H
