"""Rows of policies, their members and runs, as an hourly reading and its judging leave them."""

import uuid
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from backups.models import Cloud, Policy, PolicyMember, PolicyRevision, Run, Vault, Volume
from backups.tests.facts import NOON
from backups.vbs.policies import Retention

DAY = timedelta(days=1)
NIGHT = NOON.replace(hour=22)  # the time of day at which NIGHTLY runs
NIGHTLY: dict[str, Any] = {
    "calendar": "vbs",
    "hours": ["22:00"],
    "frequency": 1,
    "weekdays": None,
    "time_zone": None,
}


def read_policies(*clouds: str, at: datetime = NOON, **columns: Any) -> None:
    """Lets the policies of clouds be read."""
    known = {"policies_read_at": at, "policies_error": None}
    Cloud.objects.filter(name__in=clouds).update(**{**known, **columns})


def policy(n: int, *, cloud: str = "otc", **columns: Any) -> Policy:
    """A nightly policy of VBS, seen first 40 days ago, unless `columns` say otherwise."""
    plain: dict[str, Any] = {
        "cloud_id": cloud,
        "policy_id": f"policy-{n}",
        "api": "vbs",
        "name": f"nightly {n}",
        "enabled": True,
        "schedule": NIGHTLY,
        "retention": asdict(Retention(count=7)),
        "period_seconds": 86_400,
        "first_seen_at": NOON - 40 * DAY,
        "seen_at": NOON,
        "tasks_read_at": NOON,
    }
    row = Policy.objects.create(**{**plain, **columns})
    PolicyRevision.objects.create(
        policy=row,
        since=row.first_seen_at,
        enabled=row.enabled,
        schedule=row.schedule,
        retention=row.retention,
    )
    return row


def disk_row(volume_id: str, *, cloud: str = "otc", **columns: Any) -> Volume:
    """Sets these columns of a disk, which is made where there is none."""
    plain: dict[str, Any] = {"first_seen_at": NOON, "listed_backups": 0}
    row, _ = Volume.objects.update_or_create(
        cloud_id=cloud,
        volume_id=volume_id,
        defaults=columns,
        create_defaults={**plain, **columns, "cloud_id": cloud, "volume_id": volume_id},
    )
    return row


def members(row: Policy, ids: Iterable[str], *, source: str = "task", **columns: Any) -> None:
    """Lets a policy cover these disks, each with a row of its own."""
    for volume_id in ids:
        at = {"since": row.first_seen_at, "seen_at": NOON, **columns}
        PolicyMember.objects.create(policy=row, volume_id=volume_id, source=source, **at)
        disk_row(volume_id, cloud=row.cloud_id, policy=row, schedule_read="scheduled")


def run(row: Policy, volume_id: str, slot_at: datetime, outcome: str, **columns: Any) -> Run:
    """Judges a promised run of a disk; the newest is told on the disk's row too."""
    volume = Volume.objects.get(cloud=row.cloud_id, volume_id=volume_id)
    if volume.last_run_at is None or volume.last_run_at <= slot_at:
        Volume.objects.filter(pk=volume.pk).update(last_run_at=slot_at, last_run_outcome=outcome)
    made = outcome in ("made", "late")
    plain: dict[str, Any] = {
        "late_seconds": 60 if made else None,
        "duration_seconds": 600 if made else None,
        "backup_id": uuid.uuid4() if made else None,
    }
    return Run.objects.create(
        volume=volume, policy=row, slot_at=slot_at, outcome=outcome, **{**plain, **columns}
    )


def vault(n: int, policies: Iterable[Policy], *, cloud: str = "eu", **columns: Any) -> Vault:
    plain: dict[str, Any] = {
        "cloud_id": cloud,
        "vault_id": f"vault-{n}",
        "name": f"vault {n}",
        "status": "available",
        "object_type": "disk",
        "size_gb": 1000,
        "allocated_gb": 100,
        "used_mb": 50_000,
        "auto_expand": False,
        "locked": False,
        "policy_ids": [row.policy_id for row in policies],
        "first_seen_at": NOON - 40 * DAY,
        "seen_at": NOON,
    }
    return Vault.objects.create(**{**plain, **columns})
