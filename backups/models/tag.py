"""Which tags lie on what, for the filter `tag=`; the list on the row itself is what is shown."""

import uuid
from collections.abc import Mapping, Sequence

from django.db import models

from backups.models.backup import Backup
from backups.models.columns import CodePointText


class BackupTagQuerySet(models.QuerySet["BackupTag"]):
    def replace(self, tags_of_backup: Mapping[uuid.UUID, Sequence[str]]) -> None:
        """Lets each of these backups carry exactly its tags."""
        rows: list[BackupTag] = []
        for pk, names in tags_of_backup.items():
            rows.extend(BackupTag(backup_id=pk, tag=name) for name in names)
        self.filter(backup__in=list(tags_of_backup)).delete()
        self.bulk_create(rows)


class BackupTag(models.Model):
    backup = models.ForeignKey(Backup, models.CASCADE, related_name="tagged")
    tag = CodePointText()

    objects = BackupTagQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint("tag", "backup", name="backup_tag_once"),)

    def __str__(self) -> str:
        return self.tag
