"""Brings UUIDs of disks into lower case, and takes away more of what stands for no ID; then derives
all disks anew.

A disk that was known in two spellings keeps the row in lower case; what operators had set on the
other is printed.
"""

import importlib
import re

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone

# The rules of backups/vbs/ids.py as they are on the day of this migration.
UPPER = r"^(?=.*[A-F])[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
NONE = re.compile(
    r"(?:urn:uuid:)?0[0x._:-]*|f{8}(?:-f{4}){3}-f{12}|null|none|nil|undefined|nan|na|n[._-]a"
    r"|unknown|unset|not[_.-]set|empty|false",
    re.IGNORECASE,
)
earlier = importlib.import_module("backups.migrations.0003_ids_that_cannot_be_one")


def repair(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    earlier.repair(apps, editor, NONE)
    backups = apps.get_model("backups", "Backup").objects
    spelt = backups.filter(volume_id__regex=UPPER).order_by().values_list("volume_id", flat=True).distinct()
    for volume_id in list(spelt):
        backups.filter(volume_id=volume_id).update(volume_id=volume_id.lower())
    volumes = apps.get_model("backups", "Volume").objects
    for volume in list(volumes.filter(volume_id__regex=UPPER).order_by("pk")):
        lower = volume.volume_id.lower()
        if volumes.filter(cloud=volume.cloud_id, volume_id=lower).exists():
            earlier.remove(apps, volume, f"is the disk {lower} in another spelling")
        else:
            volumes.filter(pk=volume.pk).update(volume_id=lower)
    volumes.update(derive_at=timezone.now())


class Migration(migrations.Migration):
    atomic = False  # as 0003
    dependencies = [("backups", "0006_newest_backups_listed")]

    operations = [migrations.RunPython(repair, migrations.RunPython.noop, elidable=True)]
