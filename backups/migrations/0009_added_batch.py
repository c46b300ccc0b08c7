"""Which use of the add form a backup came with."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("backups", "0008_field_terms")]

    operations = [
        migrations.AddField("backup", "added_batch", models.UUIDField(null=True)),
        migrations.AddIndex(
            "backup",
            models.Index(
                "added_batch",
                name="backup_added_batch",
                condition=models.Q(added_batch__isnull=False),
            ),
        ),
    ]
