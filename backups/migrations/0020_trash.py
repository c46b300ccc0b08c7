"""What was untracked is kept for a while, in a table of its own."""

import django.db.models.deletion
from django.db import migrations, models

from backups.models.columns import CodePointText


class Migration(migrations.Migration):
    dependencies = [("backups", "0019_failing_of_old_rows")]

    operations = [
        migrations.CreateModel(
            name="TrashedBackup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("backup_id", models.UUIDField()),
                ("name", CodePointText(null=True)),
                ("status", CodePointText(null=True)),
                ("volume_id", CodePointText(null=True)),
                ("created_at", models.DateTimeField(null=True)),
                ("refreshed_at", models.DateTimeField(null=True)),
                ("trashed_at", models.DateTimeField()),
                ("by", CodePointText()),
                ("act", models.UUIDField()),
                ("search_text", CodePointText()),
                ("content", models.TextField()),
                (
                    "cloud",
                    models.ForeignKey(
                        db_column="cloud",
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trash",
                        to="backups.cloud",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "backups in the trash",
                "indexes": [
                    models.Index(models.F("trashed_at").desc(), "id", name="trash_newest"),
                    models.Index("act", name="trash_act"),
                ],
                "constraints": [
                    models.UniqueConstraint("backup_id", "cloud", name="trashed_once_in_a_cloud")
                ],
            },
        ),
    ]
