"""The backups that are seen through two services of a project, and those that are a part of a
server's backup, found by indexes of them alone.
"""

from django.db import migrations, models
from django.db.models import Q

from backups.shared.online_index import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("backups", "0026_runs_to_judge")]

    operations = [
        AddIndexOnline(
            model_name="backup",
            index=models.Index(
                "same_as", name="backup_same_as", condition=Q(same_as__isnull=False)
            ),
        ),
        AddIndexOnline(
            model_name="backup",
            index=models.Index(
                "vm_id", "cloud", name="backup_vm", condition=Q(vm_id__isnull=False)
            ),
        ),
        AddIndexOnline(
            model_name="backup",
            index=models.Index(
                "parent_id", name="backup_parent", condition=Q(parent_id__isnull=False)
            ),
        ),
    ]
