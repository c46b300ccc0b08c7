"""What vbsdash knows of a cloud beyond its configuration. Credentials are never here."""

from datetime import datetime, timedelta

from django.db import models

SILENT_AFTER = timedelta(minutes=30)  # a cloud without a good answer for so long makes everything in it stale


class Cloud(models.Model):
    name = models.CharField(max_length=255, primary_key=True)
    catalog_type = models.CharField(max_length=64, null=True)  # service type its endpoint was found under
    seen_vbs = models.BooleanField(default=False)  # a body had what stock Cinder never sends
    type_votes_0 = models.PositiveIntegerField(default=0)
    type_votes_1 = models.PositiveIntegerField(default=0)
    reading = models.CharField(max_length=8, null=True)  # in force when its backups were last derived
    signed_in_at = models.DateTimeField(null=True)
    last_good_at = models.DateTimeField(null=True)
    attempted_at = models.DateTimeField(null=True)
    error = models.JSONField(null=True)  # {class, http_status, code, message, since}
    refused_at = models.DateTimeField(null=True)  # a refused sign-in is not repeated for an hour …
    refused_fingerprint = models.CharField(max_length=64, null=True)  # … unless the configuration changed

    def __str__(self) -> str:
        return self.name

    def is_heard(self, now: datetime) -> bool:
        return self.last_good_at is not None and self.last_good_at > now - SILENT_AFTER
