"""Which tags lie on what, for the filter `tag=`; the list on the row itself is what is shown."""

import uuid
from collections.abc import Iterable, Sequence

from django.db import models

from backups.models.backup import Backup
from backups.models.columns import CodePointText


class BackupTagQuerySet(models.QuerySet["BackupTag"]):
    def replace(self, tags: Iterable[tuple[uuid.UUID, Sequence[str]]]) -> None:
        """Let each backup carry exactly these."""
        given = {pk: list(some) for pk, some in tags}
        self.filter(backup__in=given).delete()
        self.bulk_create(
            [BackupTag(backup_id=pk, tag=tag) for pk, some in given.items() for tag in some]
        )


class BackupTag(models.Model):
    backup = models.ForeignKey(Backup, models.CASCADE, related_name="tagged")
    tag = CodePointText()

    objects = BackupTagQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint("tag", "backup", name="backup_tag_once"),)

    def __str__(self) -> str:
        return self.tag
