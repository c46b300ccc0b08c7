"""Takes IDs away that cannot be one: placeholders such as zeros, line breaks, paths. Until now they
made disks.

Their backups stay, of unknown origin, as their next answer would make them; the raw body keeps what
came. A disk with such an ID goes; what operators had set on it is printed, so that it can be set
where it belongs.
"""

import json
import re
from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F

# The rule of backups/vbs/ids.py as it is on the day of this migration.
ID = re.compile("[0-9A-Za-z][0-9A-Za-z_.:-]{0,254}")
NONE = re.compile("0[0-]*|null|none|nil|undefined", re.IGNORECASE)
IDS_OF_A_BACKUP = (
    "volume_id",
    "snapshot_id",
    "tenant_id",
    "cmk_id",
    "backup_image_id",
    "vm_id",
    "host_id",
    "job_id",
)
BACKUPS_AT_ONCE = 200


def repair(apps: Apps, _editor: BaseDatabaseSchemaEditor, none: re.Pattern[str] = NONE) -> None:
    """`none`: what stands for no ID."""
    _repair_backups(apps, none)
    _remove_volumes(apps, none)


def _repair_backups(apps: Apps, none: re.Pattern[str]) -> None:
    backups = apps.get_model("backups", "Backup").objects
    repaired: list[Any] = []
    for row in backups.order_by("pk").only("pk", "decode_problems", *IDS_OF_A_BACKUP).iterator(chunk_size=2000):
        bad = [field for field in IDS_OF_A_BACKUP if not _may_stay(getattr(row, field), none)]
        for field in bad:
            if getattr(row, field) == "" and field != "volume_id":
                setattr(row, field, None)  # an empty text says as little as none
                continue
            shown = json.dumps(getattr(row, field), ensure_ascii=False)[:60]
            row.decode_problems.append(f"{field} {shown} was not read: it cannot be an ID")
            setattr(row, field, None)
        if bad:
            repaired.append(row)
    backups.bulk_update(repaired, [*IDS_OF_A_BACKUP, "decode_problems"], batch_size=BACKUPS_AT_ONCE)


def _may_stay(value: str | None, none: re.Pattern[str]) -> bool:
    return value is None or bool(ID.fullmatch(value) and not none.fullmatch(value))


def _remove_volumes(apps: Apps, none: re.Pattern[str]) -> None:
    volumes = apps.get_model("backups", "Volume").objects
    for volume in volumes.order_by("pk").iterator():
        if not _may_stay(volume.volume_id, none):
            remove(apps, volume, "cannot be the ID of a disk")


def remove(apps: Apps, volume: Any, why: str) -> None:
    """What operators had set on it is printed."""
    _take_out_of_totals(apps, volume)
    edits = apps.get_model("backups", "Edit").objects.filter(volume=volume).order_by("pk")
    was_set = [f"{edit.word} by {edit.by}: {json.dumps(edit.after)}" for edit in edits]
    print(f"\n  {volume.cloud_id}: {volume.volume_id!r:.300} {why} and was removed.", end="")
    for line in was_set:
        print(f"\n    It was set: {line}", end="")
    volume.delete()


def _take_out_of_totals(apps: Apps, volume: Any) -> None:
    """What a disk has brought into the tables by day of its cloud is in its trace."""
    trace = apps.get_model("backups", "Trace").objects.filter(volume=volume).first()
    if trace is None:
        return
    quarters = apps.get_model("backups", "Quarter").objects.filter(cloud=volume.cloud_id)
    for key, (good, failed, missed) in trace.quarters.items():
        quarter, counts_from = map(int, key.split())
        quarters.filter(quarter=quarter, counts_from=counts_from).update(
            good=F("good") - good,
            failed=F("failed") - failed,
            missed=F("missed") - missed,
        )
    days = apps.get_model("backups", "StoredDay").objects.filter(cloud=volume.cloud_id)
    for day, (mb, backups, gb) in trace.days.items():
        days.filter(day=int(day)).update(mb=F("mb") - mb, backups=F("backups") - backups, gb=F("gb") - gb)


class Migration(migrations.Migration):
    dependencies = [("backups", "0002_revision_index")]

    operations = [migrations.RunPython(repair, migrations.RunPython.noop, elidable=True)]
