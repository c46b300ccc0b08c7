"""What people set on backups and volumes: which field, from what to what, who and when."""

from django.db import models
from django.db.models import Q

from backups.models.backup import Backup
from backups.models.volume import Volume


class Edit(models.Model):
    backup = models.ForeignKey(Backup, models.CASCADE, null=True, related_name="edits")
    volume = models.ForeignKey(Volume, models.CASCADE, null=True, related_name="edits")
    at = models.DateTimeField()
    by = models.TextField()  # the name of the account, kept when it is removed
    field = models.CharField(max_length=16)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(backup__isnull=False, volume__isnull=True)
                | Q(backup__isnull=True, volume__isnull=False),
                name="edit_is_of_one_thing",
            ),
        )
        indexes = (
            models.Index(fields=["backup", "-id"], name="edit_backup"),
            models.Index(fields=["volume", "-id"], name="edit_volume"),
        )

    def __str__(self) -> str:
        return f"{self.field} by {self.by}"
