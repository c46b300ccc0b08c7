"""An account keeps whether its lists stand closely, and a cloud how much of its quota it counts as
used.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("backups", "0020_trash"),
    ]

    operations = [
        migrations.AddField(
            model_name="preferences",
            name="compact_lists",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="cloud",
            name="quota_used_backups",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="cloud",
            name="quota_used_gb",
            field=models.BigIntegerField(null=True),
        ),
    ]
