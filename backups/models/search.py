"""The text that free search looks through, case folded, apart from the wide rows."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import StrIndex

from backups.models.backup import Backup
from backups.models.columns import CodePointText

SEARCHED = (
    "name",
    "description",
    "fail_reason",
    "id",
    "volume_id",
    "snapshot_id",
    "job_id",
    "backup_image_id",
    "vm_id",
)
_MOST_SEARCHED = 4000  # characters of one column


class SearchTextQuerySet(models.QuerySet["SearchText"]):
    def holding(self, text: str) -> "SearchTextQuerySet":
        """Returns those that contain a text, whatever its case."""
        return self.alias(at=StrIndex(F("text"), Value(text.casefold()))).filter(at__gt=0)

    def put(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Writes the text of these backups; each row has at least `id`."""
        texts = [SearchText(backup_id=row["id"], text=folded(row)) for row in rows]
        self.bulk_create(
            texts,
            update_conflicts=True,
            unique_fields=["backup"],
            update_fields=["text"],
            batch_size=500,
        )


class SearchText(models.Model):
    backup = models.OneToOneField(
        Backup, models.CASCADE, primary_key=True, related_name="search_text"
    )
    text = CodePointText()

    objects = SearchTextQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.backup_id)


def folded(row: Mapping[str, Any]) -> str:
    """Returns one line a column; case folded as Python does it, because the
    databases disagree beyond ASCII.
    """
    texts = []
    for column in SEARCHED:
        value = row.get(column)
        if value:
            texts.append(str(value)[:_MOST_SEARCHED].casefold())
    return "\n".join(texts)
