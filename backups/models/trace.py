"""What one disk has brought into the tables of its cloud (Quarter, StoredDay), so that it can be taken out again."""

from django.db import models

from backups.models.volume import Volume


class Trace(models.Model):
    """`digest` is of the rest: most disks bring what they brought before, and then nothing else has to be read."""

    volume = models.OneToOneField(Volume, models.CASCADE, primary_key=True, related_name="trace")
    digest = models.CharField(max_length=32)
    quarters = models.JSONField(default=dict)  # "quarter counts_from": [good, failed, missed]
    days = models.JSONField(default=dict)  # day since 0001-01-01: [MB, backups, GB]

    def __str__(self) -> str:
        return str(self.volume_id)
