"""An estate in which things go wrong, in rows: two clouds that are heard and followed."""

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from backups.alarms import evaluate
from backups.derived import findings
from backups.derived.volumes import derive_all
from backups.models import Alarm, Backup, Cloud, Volume
from backups.tests.facts import NOON
from backups.tests.otc import configure, silent

CLOUDS = ("otc", "eu")
M = timedelta(minutes=1)
H = timedelta(hours=1)
S = timedelta(seconds=1)
DAY = timedelta(days=1)


def make_clouds(settings: Any, folder: Path) -> None:
    configure(settings, folder, silent(*CLOUDS))
    for name in CLOUDS:
        Cloud.objects.create(name=name, follow="all")
    answer(NOON)


def answer(at: datetime, *names: str) -> None:
    """Lets clouds answer for all that they hold."""
    for name in names or CLOUDS:
        Cloud.objects.filter(pk=name).update(
            last_good_at=at, attempted_at=at, backups_listed_at=at, error=None
        )
        Backup.objects.filter(cloud=name).update(refreshed_at=at, stale_at=at + 12 * H)


def backup(n: int, at: datetime = NOON, *, cloud: str = "otc", **columns: Any) -> Backup:
    """A good backup of disk n, unless `columns` say otherwise."""
    plain: dict[str, Any] = {
        "id": uuid.UUID(int=n),
        "cloud_id": cloud,
        "tracked_at": at,
        "refreshed_at": NOON,
        "stale_at": NOON + 12 * H,
        "volume_id": f"disk-{n}",
        "status": "available",
        "created_at": at,
        "kind": "full",
    }
    return Backup.objects.create(**{**plain, **columns})


def disk(n: int, *, cloud: str = "otc") -> str:
    """Returns the ID of a disk with a good backup of an hour before NOON."""
    backup(1000 + n, NOON - H, cloud=cloud, volume_id=f"disk-{n}")
    return f"disk-{n}"


def judge(now: datetime) -> list[Alarm]:
    """Derives what follows of the rows, judges them, and returns the open alarms."""
    for name in sorted(set(Backup.objects.values_list("cloud", flat=True))):
        findings.note_all(name, now)
        derive_all(name, now)
    # No list names backups beside those that are tracked.
    Volume.objects.update(listed_backups=0)
    evaluate.evaluate(now)
    return list(Alarm.objects.open().order_by("kind", "cloud", "subject"))
