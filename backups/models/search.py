"""The text that free search looks through, folded, apart from the wide rows."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import StrIndex
from django.db.models.lookups import GreaterThan

from backups.models.backup import Backup
from backups.models.columns import CodePointText
from backups.vbs.folding import fold
from backups.vbs.id_spellings import searched_spellings

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
        """Returns those that contain a text, folded, or an ID in whatever spelling."""
        holds_any = Q()
        for searched in searched_texts(text):
            holds_any |= Q(GreaterThan(StrIndex(F("text"), Value(searched)), 0))
        return self.filter(holds_any)

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
    """Returns one line a column."""
    texts = []
    for column in SEARCHED:
        value = row.get(column)
        if value:
            texts.append(fold(str(value)[:_MOST_SEARCHED]))
    return "\n".join(texts)


def searched_texts(text: str) -> tuple[str, ...]:
    """Returns the folded texts of which one is in whatever a search for `text` finds."""
    return tuple(dict.fromkeys((fold(text), *searched_spellings(text))))
