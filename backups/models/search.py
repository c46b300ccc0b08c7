"""The text that free search looks through, folded, apart from the wide rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import StrIndex
from django.db.models.lookups import GreaterThan

from backups.models.backup import Backup
from backups.models.columns import CodePointText
from backups.models.volume import Volume
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
        """Writes the text of these backups; each row has at least `id`, and `cloud` or `cloud_id`
        where it has a `volume_id`.
        """
        backups = list(rows)
        names = names_of_volumes(_volume(row) for row in backups)
        texts = []
        for row in backups:
            text = folded(row, names=names.get(_volume(row), ()))
            texts.append(SearchText(backup_id=row["id"], text=text))
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


def searched_names(label: str | None, name: str | None) -> str:
    """Returns what `Volume.searched_as` keeps of the names that were folded."""
    return f"{label or ''}\n{name or ''}"


def names_of_volumes(
    keys: Iterable[tuple[str | None, str | None]],
) -> dict[tuple[Any, Any], list[str]]:
    """Returns label and name of these volumes (cloud, volume_id), those without either apart."""
    wanted = {(cloud, volume_id) for cloud, volume_id in keys if cloud and volume_id}
    if not wanted:
        return {}
    volumes = Volume.objects.filter(
        cloud__in={cloud for cloud, _ in wanted}, volume_id__in={key for _, key in wanted}
    )
    named = volumes.exclude(label=None, name=None).order_by()
    names = {}
    for cloud, volume_id, label, name in named.values_list("cloud", "volume_id", "label", "name"):
        names[cloud, volume_id] = [text for text in (label, name) if text]
    return names


def _volume(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return row.get("cloud_id") or row.get("cloud"), row.get("volume_id")


def folded(row: Mapping[str, Any], *, names: Sequence[str] = ()) -> str:
    """Returns one line a column, and one for each of the names of its volume."""
    texts = []
    for column in SEARCHED:
        value = row.get(column)
        if value:
            texts.append(fold(str(value)[:_MOST_SEARCHED]))
    texts += [fold(name) for name in names]
    return "\n".join(texts)


def searched_texts(text: str) -> tuple[str, ...]:
    """Returns the folded texts of which one is in whatever a search for `text` finds."""
    return tuple(dict.fromkeys((fold(text), *searched_spellings(text))))
