"""Who could do everything until now still can: superusers are admins, all others become operators
of all clouds. An account that is made later has no row until somebody gives it a role: a viewer.
"""

from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

BATCH = 1000


def give_roles(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Commits each batch; killed and run again it does what is left."""
    User = apps.get_model(settings.AUTH_USER_MODEL)
    Account = apps.get_model("backups", "Account")
    rows = []
    for pk, is_superuser in User.objects.order_by("pk").values_list("pk", "is_superuser"):
        role = "admin" if is_superuser else "operator"
        rows.append(Account(user_id=pk, role=role, all_clouds=True))
    for first in range(0, len(rows), BATCH):
        Account.objects.bulk_create(rows[first : first + BATCH], ignore_conflicts=True)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("backups", "0014_account"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [migrations.RunPython(give_roles, migrations.RunPython.noop)]
