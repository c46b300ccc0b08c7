"""What was seen to change in a backup, answer by answer."""

from datetime import datetime

from django.db import models
from django.db.models import Exists, OuterRef

from backups.models.access import OfBackups
from backups.models.backup import Backup


class RevisionQuerySet(OfBackups["Revision"]):
    def newest_first(self) -> "RevisionQuerySet":
        return self.order_by("-at", "-id")

    def prunable(self, before: datetime) -> "RevisionQuerySet":
        """Returns those older than `before` that are neither the first nor the last of their backup
        nor a change of status.
        """
        newer = Revision.objects.filter(backup=OuterRef("backup"), id__gt=OuterRef("id"))
        return self.filter(Exists(newer), at__lt=before, keep=False)


class Revision(models.Model):
    # It has no index of its own: it leads one below.
    backup = models.ForeignKey(Backup, models.CASCADE, related_name="revisions", db_index=False)
    at = models.DateTimeField()  # when the answer was asked for
    changes = models.JSONField()  # [{word, before, after}] in the words of the JSON API
    # The whole answer, as in Body; null when only progress moved.
    body = models.TextField(null=True)
    # The first of a backup, or a change of status: never pruned.
    keep = models.BooleanField(default=False)

    objects = RevisionQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index("backup", "at", "id", name="revision_of_backup"),
            models.Index("at", name="revision_prunable", condition=models.Q(keep=False)),
        )

    def __str__(self) -> str:
        return f"{self.backup_id} {self.at:%Y-%m-%d %H:%M:%S}"
