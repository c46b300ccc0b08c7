"""Backups in the order of what pages call their disks: an index of those names, and the way from a
backup to the row of its disk, which has no column. And found by these names: the texts that are
searched are written anew by workers, some hundred disks at a time.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Coalesce

from backups.models.columns import CodePointText, EmptyIsNull, OtherRow
from backups.shared.online_index import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("backups", "0022_views_of_lists")]

    operations = [
        migrations.AddField(
            model_name="backup",
            name="volume",
            field=OtherRow(
                from_fields=["cloud", "volume_id"],
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="backups.volume",
                to_fields=["cloud", "volume_id"],
            ),
        ),
        migrations.AddField(
            model_name="volume", name="searched_as", field=models.TextField(null=True)
        ),
        AddIndexOnline(
            model_name="volume",
            index=models.Index(
                Coalesce(
                    EmptyIsNull("label"),
                    EmptyIsNull("name"),
                    "volume_id",
                    output_field=CodePointText(),
                ),
                models.F("cloud"),
                name="volume_shown_name",
            ),
        ),
    ]
