"""A large, lifelike set of tracked backups, made by the simulator's generator and stored the way of every answer."""

import json
import uuid
from datetime import datetime
from itertools import islice

from django.db import connection
from django.utils import timezone

from backups.bench.report import Report, size, spent
from backups.engine import due_disks, tracking
from backups.engine.apply import apply
from backups.engine.plan import Fetched
from backups.models import Backup
from backups.vbs import payload
from backups.vbs.simulator.body import Form
from backups.vbs.simulator.world import World

CLOUD = "bench"  # the one in the clouds.yaml that the command writes
BATCH = 1000


def fill(backups: int, *, now: datetime, seed: int = 1) -> None:
    """Have `backups` backups of about one disk per 12 backups tracked; what is there already stays."""
    world = World(seed=seed, backups=backups, keep=12)
    world.advance(now.timestamp())
    form, moment = Form(), now.timestamp()
    missing = iter(sorted(set(world.slots) - {str(pk) for pk in Backup.objects.values_list("pk", flat=True)}))
    while ids := list(islice(missing, BATCH)):
        tracking.add(cloud=CLOUD, values=ids, now=now)
        bodies = (json.loads(world.slots[one].encode(moment, form)) for one in ids)
        answers = [Fetched(uuid.UUID(body["id"]), now, answer=payload.receive(body)) for body in bodies]
        apply(CLOUD, answers, more_follows=True)
    due_disks.derive_due(CLOUD, now)
    if connection.vendor == "postgresql":  # whose autovacuum does it soon; nobody does it for SQLite
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def run(report: Report) -> None:
    report.head(f"Filling with {size():,} backups")
    report.row("tracked, decoded, derived and stored", spent(lambda: fill(size(), now=timezone.now())).wall, "s")
