"""The volumes whose runs time alone may judge otherwise, and those that two services show, found by
indexes of few rows.
"""

from django.db import migrations, models
from django.db.models import Q

from backups.shared.online_index import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("backups", "0025_policies")]

    operations = [
        AddIndexOnline(
            model_name="volume",
            index=models.Index(
                "also_under",
                "volume_id",
                name="volume_also_under",
                condition=Q(also_under__isnull=False),
            ),
        ),
        AddIndexOnline(
            model_name="volume",
            index=models.Index(
                "cloud",
                "runs_judge_at",
                name="volume_runs_to_judge",
                condition=Q(runs_judge_at__isnull=False),
            ),
        ),
    ]
