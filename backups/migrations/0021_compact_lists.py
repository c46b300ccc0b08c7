"""An account keeps whether its lists stand closely."""

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
    ]
