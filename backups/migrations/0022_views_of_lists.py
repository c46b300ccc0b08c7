"""A saved view says which list it is of."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("backups", "0021_compact_lists_and_used_quota"),
    ]

    operations = [
        migrations.AddField(
            model_name="savedview",
            name="list_name",
            field=models.CharField(
                choices=[("backups", "Backups"), ("volumes", "Volumes")],
                db_default="backups",
                default="backups",
                max_length=16,
            ),
        ),
    ]
