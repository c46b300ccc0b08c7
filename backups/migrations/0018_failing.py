"""A volume knows whether the newest try to back it up failed."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("backups", "0017_external_identity")]

    operations = [
        migrations.AddField(
            "volume",
            "failing",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="backups.backup",
            ),
        ),
        migrations.AddField("volume", "failing_since", models.DateTimeField(null=True)),
        migrations.AddField("volume", "failing_cause", models.CharField(max_length=16, null=True)),
    ]
