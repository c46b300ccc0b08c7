"""What is found out about changed backups: their cause, what came of them, how far they are."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from backups.analysis import causes, running
from backups.analysis.facts import outcome
from backups.analysis.running import RunningBackup
from backups.models import Backup, Cause
from backups.shared.batches import in_batches
from backups.shared.locks import lock_cloud

_READ = (
    "id",
    "cloud",
    "volume_id",
    "kind",
    "status",
    "progress",
    "fail_reason",
    "created_at",
    "refreshed_at",
)
FOUND = ("cause", "outcome", "running", "stuck_at")
_FINISHED = 20  # backups of a disk that tell how long one takes


def note(ids: Iterable[uuid.UUID], now: datetime) -> int:
    """Write what is found about these; how many rows changed. Two queries and one more for each
    distinct finding.
    """
    found, given = 0, list(ids)
    for batch in in_batches(given):
        rows = list(
            Backup.objects.filter(pk__in=batch).order_by("pk").values(*_READ, *FOUND, "gone_at")
        )
        found += _write(rows, _usual(rows), now)
    return found


def note_all(cloud: str, now: datetime) -> int:
    """The same for every backup of a cloud, after the rules by which things are found have
    changed.
    """
    with transaction.atomic():
        lock_cloud(cloud)
        return note(Backup.objects.filter(cloud=cloud).order_by().values_list("pk", flat=True), now)


def _write(
    rows: Sequence[Mapping[str, Any]],
    usual: Mapping[tuple[str, str | None, str], timedelta],
    now: datetime,
) -> int:
    """Equal findings are written together: most backups of a batch are good and say nothing
    else.
    """
    groups: dict[tuple[str | None, str | None], list[uuid.UUID]] = {}
    running_backups: list[Backup] = []
    known: dict[str, Cause] = {}
    for row in rows:
        cause = (
            None
            if row["gone_at"]
            else causes.cause(status=row["status"], reason=row["fail_reason"])
        )
        if cause is not None:
            known.setdefault(
                cause.key, Cause(key=cause.key, state=cause.state, code=cause.code, text=cause.text)
            )
        key, came = cause.key if cause else None, outcome(row["outcome"], row["status"])
        if (key, came) != (row["cause"], row["outcome"]):
            groups.setdefault((key, came), []).append(row["id"])
        if (running_now := _running(row, usual, now)) is not None:
            running_backups.append(running_now)
    causes_seen = [known[key] for key in sorted(known)]  # in one order for all who write
    Cause.objects.bulk_create(causes_seen, ignore_conflicts=True, batch_size=250)
    for (key, came), some in groups.items():
        Backup.objects.filter(pk__in=some).update(cause=key, outcome=came)
    Backup.objects.bulk_update(running_backups, ["running", "stuck_at"], batch_size=100)
    return sum(map(len, groups.values())) + len(running_backups)


def _running(
    row: Mapping[str, Any], usual: Mapping[tuple[str, str | None, str], timedelta], now: datetime
) -> Backup | None:
    """The row with how far it is now; None when nothing of it is new."""
    before, status = (
        RunningBackup.of_json(row["running"]),
        None if row["gone_at"] else row["status"],
    )
    at = row["refreshed_at"] or now
    running_now = running.observe(
        before, status=status, progress=row["progress"], created_at=row["created_at"], at=at
    )
    stuck_at = running.stuck_at(running_now, usual.get(_volume(row))) if running_now else None
    given = running_now.as_json() if running_now else None
    if (given, stuck_at) == (row["running"], row["stuck_at"]):
        return None
    return Backup(pk=row["id"], running=given, stuck_at=stuck_at)


def _volume(row: Mapping[str, Any]) -> tuple[str, str | None, str]:
    return row["cloud"], row["volume_id"], row["kind"]


def _usual(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str | None, str], timedelta]:
    """How long backups take, by kind, of the disks of which one is being made; a query if there are
    any.
    """
    volumes = {row["volume_id"] for row in rows if row["status"] == "creating" and row["volume_id"]}
    if not volumes:
        return {}
    done = Backup.objects.filter(volume_id__in=volumes, outcome="good", created_at__isnull=False)
    spans: dict[tuple[str, str | None, str], list[tuple[datetime | None, datetime | None]]] = {}
    words = ("cloud", "volume_id", "kind", "created_at", "updated_at")
    for row in done.order_by("-created_at").values(*words):
        mine = spans.setdefault(_volume(row), [])
        if len(mine) < _FINISHED:
            mine.append((row["created_at"], row["updated_at"]))
    return {
        volume: length
        for volume, some in spans.items()
        if (length := running.usual(some)) is not None
    }
