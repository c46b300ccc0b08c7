"""The answers themselves, apart from the narrow table that lists read."""

from django.db import models

from backups.models.access import OfBackups
from backups.models.backup import Backup


class Body(models.Model):
    backup = models.OneToOneField(Backup, models.CASCADE, primary_key=True)
    received_at = models.DateTimeField()
    http_status = models.PositiveSmallIntegerField()
    text = models.TextField()  # ASCII JSON of the inner object, VK redacted

    objects = OfBackups["Body"].as_manager()

    def __str__(self) -> str:
        return str(self.backup_id)
