"""Has volumes derived anew of which a backup failed: whether that was the newest try is stored now.

It is due ten minutes later: workers of the version before, which do not know the columns, have ended
by then.
"""

from datetime import timedelta

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Exists, OuterRef
from django.utils import timezone

ROWS_AT_ONCE = 500
LATER = timedelta(minutes=10)


def mark(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    volumes = apps.get_model("backups", "Volume").objects
    backups = apps.get_model("backups", "Backup").objects
    failed = backups.filter(
        cloud=OuterRef("cloud"), volume_id=OuterRef("volume_id"), status="error"
    )
    with_failed = volumes.filter(Exists(failed), derive_at__isnull=True).order_by("pk")
    last = 0
    while True:
        pks = list(with_failed.filter(pk__gt=last).values_list("pk", flat=True)[:ROWS_AT_ONCE])
        if not pks:
            break
        volumes.filter(pk__in=pks).update(derive_at=timezone.now() + LATER)
        last = pks[-1]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("backups", "0018_failing")]

    operations = [migrations.RunPython(mark, migrations.RunPython.noop, elidable=True)]
