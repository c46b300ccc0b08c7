"""The count of changes is called what it is."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("backups", "0009_added_batch")]

    operations = [migrations.RenameModel("Stamp", "DataVersion")]
