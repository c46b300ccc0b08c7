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
from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F, Value
from django.db.models.functions import NullIf

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
# Of these an empty text says as little as none. Earlier versions stored it in most rows, so it is
# not taken away row by row.
MAY_BE_EMPTY = IDS_OF_A_BACKUP[1:]
NULL_FOR_EMPTY = {field: NullIf(F(field), Value("")) for field in MAY_BE_EMPTY}
BACKUPS_AT_ONCE = 1000


def repair(apps: Apps, _editor: BaseDatabaseSchemaEditor, none: re.Pattern[str] = NONE) -> None:
    """`none`: what stands for no ID."""
    _repair_backups(apps, none)
    _remove_volumes(apps, none)


def _repair_backups(apps: Apps, none: re.Pattern[str]) -> None:
    backups = apps.get_model("backups", "Backup").objects
    rows = backups.order_by("pk").only("pk", "decode_problems", *IDS_OF_A_BACKUP)
    batch = list(rows[:BACKUPS_AT_ONCE])
    while batch:
        empty = [row.pk for row in batch if any(getattr(row, field) == "" for field in MAY_BE_EMPTY)]
        repaired = [row for row in batch if _repair(row, none)]
        backups.filter(pk__in=empty).update(**NULL_FOR_EMPTY)
        backups.bulk_update(repaired, [*IDS_OF_A_BACKUP, "decode_problems"], batch_size=100)
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:BACKUPS_AT_ONCE])


def _repair(row: Any, none: re.Pattern[str]) -> bool:
    """Returns whether something else than an empty text was taken away."""
    for field in MAY_BE_EMPTY:
        setattr(row, field, getattr(row, field) or None)
    bad = [field for field in IDS_OF_A_BACKUP if not _may_stay(getattr(row, field), none)]
    for field in bad:
        shown = json.dumps(getattr(row, field), ensure_ascii=False)[:60]
        row.decode_problems.append(f"{field} {shown} was not read: it cannot be an ID")
        setattr(row, field, None)
    return bool(bad)


def _may_stay(value: str | None, none: re.Pattern[str]) -> bool:
    return value is None or bool(ID.fullmatch(value) and not none.fullmatch(value))


def _remove_volumes(apps: Apps, none: re.Pattern[str]) -> None:
    volumes = apps.get_model("backups", "Volume").objects
    for pk, volume_id in list(volumes.order_by("pk").values_list("pk", "volume_id")):
        if not _may_stay(volume_id, none):
            remove(apps, volumes.get(pk=pk), "cannot be the ID of a disk")


def remove(apps: Apps, volume: Any, why: str) -> None:
    """What operators had set on it is printed."""
    edits = apps.get_model("backups", "Edit").objects.filter(volume=volume).order_by("pk")
    was_set = [f"{edit.word} by {edit.by}: {json.dumps(edit.after)}" for edit in edits]
    print(f"\n  {volume.cloud_id}: {volume.volume_id!r:.300} {why} and was removed.", end="")
    for line in was_set:
        print(f"\n    It was set: {line}", end="")
    # Once more after a kill: the totals lack the disk exactly when the disk is gone.
    with transaction.atomic():
        _take_out_of_totals(apps, volume)
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
    # Each batch is committed: nobody waits for a row until the last one is read, and a migration
    # that was killed is run again.
    atomic = False
    dependencies = [("backups", "0002_revision_index")]

    operations = [migrations.RunPython(repair, migrations.RunPython.noop, elidable=True)]
