"""A large, lifelike set of tracked backups, made by the simulator's generator and stored the
way of every answer.
"""

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from backups.bench.report import Report, size, spent
from backups.derived import queue
from backups.edits import tracking
from backups.models import Backup, Cloud
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.shared import audit
from backups.simulator.body import Form
from backups.simulator.world import Slot, World
from backups.vbs import payload

CLOUD = "bench"  # The one in the clouds.yaml that the command writes.
BATCH = 1000  # Backups.
SEED = 1
KEEP = 12  # Backups of most disks.


def fill(backups: int, *, now: datetime) -> None:
    """Tracks `backups` backups of about one volume per KEEP backups; what is there already stays. A
    simulator of the same SEED and KEEP has the same.
    """
    if Backup.objects.count() >= backups:
        return
    world = World(seed=SEED, backups=backups, keep=KEEP)
    world.advance(now.timestamp())
    stored = set(map(str, Backup.objects.values_list("pk", flat=True)))
    missing = sorted(set(world.slots) - stored)
    for at in range(0, len(missing), BATCH):
        ids = missing[at : at + BATCH]
        with _no_lines_of_the_record():
            tracking.add(cloud=CLOUD, values=ids, now=now)
        answers = [_fetched(world.slots[backup_id], now) for backup_id in ids]
        apply(CLOUD, answers, more_follows=True)
    queue.derive_due(CLOUD, now)


@contextmanager
def _no_lines_of_the_record() -> Iterator[None]:
    """Hides the lines of the log that the record of acts writes: one for each tracked backup would
    hide what is measured.
    """
    record = logging.getLogger(audit.__name__)
    before = record.level
    record.setLevel(logging.WARNING)
    try:
        yield
    finally:
        record.setLevel(before)


def _fetched(slot: Slot, now: datetime) -> Fetched:
    body = json.loads(slot.encode(now.timestamp(), Form()))
    return Fetched(uuid.UUID(slot.id), now, answer=payload.receive(body))


def ready(now: datetime) -> None:
    """Tracks the usual number, all of it known, as in an installation that keeps up."""
    fill(size(), now=now)
    day = timedelta(days=1)
    Backup.objects.filter(stale_at__lt=now + day / 2).update(
        stale_at=now + day, next_refresh_at=now + day
    )
    Cloud.objects.filter(pk=CLOUD).update(
        last_good_at=now, backups_listed_at=now + day, follow="all"
    )
    # The autovacuum of PostgreSQL would do it soon; nobody does it for SQLite.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


@contextmanager
def another(backups: int, *, now: datetime) -> Iterator[None]:
    """Replaces the database in use by one with so many, for a while."""
    name = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{name}_{backups}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        fill(backups, now=now)
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def run(report: Report) -> None:
    report.head(f"Filling with {size():,} backups")
    report.row(
        "tracked, decoded, derived and stored", spent(lambda: ready(timezone.now())).wall, "s"
    )
