"""A large, lifelike set of tracked backups, made by the simulator's generator and stored the way of
every answer.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice

from django.db import connection
from django.utils import timezone

from backups.bench.report import Report, size, spent
from backups.derived import queue
from backups.edits import tracking
from backups.models import Backup, Cloud
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched
from backups.simulator.body import Form
from backups.simulator.world import World
from backups.vbs import payload

CLOUD = "bench"  # the one in the clouds.yaml that the command writes
BATCH = 1000


def fill(backups: int, *, now: datetime, seed: int = 1) -> None:
    """Have `backups` backups of about one disk per 12 backups tracked; what is there already
    stays.
    """
    if Backup.objects.count() >= backups:
        return
    world = World(seed=seed, backups=backups, keep=12)
    world.advance(now.timestamp())
    form, moment = Form(), now.timestamp()
    missing = iter(
        sorted(set(world.slots) - {str(pk) for pk in Backup.objects.values_list("pk", flat=True)})
    )
    while ids := list(islice(missing, BATCH)):
        tracking.add(cloud=CLOUD, values=ids, now=now)
        bodies = (json.loads(world.slots[one].encode(moment, form)) for one in ids)
        answers = [
            Fetched(uuid.UUID(body["id"]), now, answer=payload.receive(body)) for body in bodies
        ]
        apply(CLOUD, answers, more_follows=True)
    queue.derive_due(CLOUD, now)


def ready(now: datetime) -> None:
    """Have the usual number tracked and all of it known, as in an installation that keeps up."""
    fill(size(), now=now)
    day = timedelta(days=1)
    Backup.objects.filter(stale_at__lt=now + day / 2).update(
        stale_at=now + day, next_refresh_at=now + day
    )
    Cloud.objects.filter(pk=CLOUD).update(
        last_good_at=now, backups_listed_at=now + day, follow="all"
    )
    if (
        connection.vendor == "postgresql"
    ):  # whose autovacuum does it soon; nobody does it for SQLite
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


@contextmanager
def another(backups: int, *, now: datetime) -> Iterator[None]:
    """A database with so many, for a while instead of the one in use."""
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
