"""Writes the text of free search anew: it is folded further than by case (backups/vbs/folding.py)."""

from collections.abc import Mapping
from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from backups.vbs.folding import fold

# As backups/models/search.py has them on the day of this migration. The folding itself is always
# that of the code which will search.
SEARCHED = (
    "name",
    "description",
    "fail_reason",
    "id",
    "volume_id",
    "snapshot_id",
    "job_id",
    "backup_image_id",
    "vm_id",
)
MOST_SEARCHED = 4000  # characters of one column
ROWS_PER_QUERY = 1000


def refold(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    model = apps.get_model("backups", "SearchText")
    rows = apps.get_model("backups", "Backup").objects.order_by("pk")
    rows = rows.values(*SEARCHED, "search_text__text")
    batch = list(rows[:ROWS_PER_QUERY])
    while batch:
        changed = []
        for row in batch:
            text = folded(row)
            if text != row["search_text__text"]:
                changed.append(model(backup_id=row["id"], text=text))
        model.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["backup"],
            update_fields=["text"],
            batch_size=500,
        )
        batch = list(rows.filter(pk__gt=batch[-1]["id"])[:ROWS_PER_QUERY])


def folded(row: Mapping[str, Any]) -> str:
    texts = [str(row[column])[:MOST_SEARCHED] for column in SEARCHED if row[column]]
    return "\n".join(fold(text) for text in texts)


class Migration(migrations.Migration):
    atomic = False  # each batch is committed, and nobody waits for more than one
    dependencies = [("backups", "0010_data_version")]

    operations = [migrations.RunPython(refold, migrations.RunPython.noop, elidable=True)]
