"""What the trash keeps of a backup: its row and the rows that hang on it, as one JSON text.

    {"backup": {column: value, …}, "parts": {"body": [{…}], "revision": [{…}, …], "edit": […]},
     "volume_seen_at": …}

Values are written as in a file of `manage.py backup_data`. Columns stand there by name, so a text
of an earlier version can be read by a later one: what it does not know any more is left out, what
has come since keeps its default.
"""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import models

from backups.models import Backup, Body, Edit, Revision, Volume
from backups.shared import bulk
from backups.shared.batches import in_batches
from backups.transfer.tables import columns, kind

# What hangs on a backup; texts for the search and tags follow of its own columns.
PARTS: Final[tuple[type[models.Model], ...]] = (Body, Revision, Edit)
AT_ONCE: Final = 100  # backups; an answer of a cloud may be large, and each has some of them
Row = dict[str, Any]  # values by column


@dataclass(frozen=True)
class Written:
    """A backup that goes into the trash: its columns, and the text that keeps all of it."""

    id: uuid.UUID
    cloud: str
    row: Row
    text: str


@dataclass(frozen=True)
class Content:
    """A text that was read. `parts` are rows without their keys, by model. `volume_seen_at`: since
    when the volume was known.
    """

    row: Row
    parts: Mapping[type[models.Model], Sequence[Row]]
    volume_seen_at: datetime | None


def kept_columns(model: type[models.Model]) -> list["models.Field[Any, Any]"]:
    """Returns those that are neither a key nor lead to another row."""
    return [field for field in columns(model) if not field.primary_key and not field.is_relation]


def write(ids: Sequence[uuid.UUID]) -> Iterator[Written]:
    """Yields what is kept of each of these backups that is tracked."""
    names = [field.name for field in kept_columns(Backup)]
    for batch in in_batches(ids, AT_ONCE):
        parts = {model: _parts(model, batch) for model in PARTS}
        stored = bulk.rows(
            Backup.objects.filter(pk__in=batch).order_by("pk"), ["id", "cloud", *names]
        )
        seen_at = _volumes_seen_at(batch)
        for backup_id, cloud, *values in stored:
            row = dict(zip(names, values, strict=True))
            document = {
                "backup": row,
                "parts": {
                    model._meta.model_name: of_backup[backup_id]
                    for model, of_backup in parts.items()
                },
                "volume_seen_at": seen_at.get((cloud, row["volume_id"])),
            }
            text = json.dumps(document, separators=(",", ":"), default=_as_text)
            yield Written(backup_id, cloud, row, text)


def read(text: str) -> Content:
    """Reads what `write` wrote, also as an earlier version."""
    document = json.loads(text)
    parts: dict[type[models.Model], Sequence[Row]] = {}
    for model in PARTS:
        rows = document["parts"].get(model._meta.model_name, [])
        parts[model] = [_known(model, row) for row in rows]
    seen_at = document["volume_seen_at"]
    return Content(
        row=_known(Backup, document["backup"]),
        parts=parts,
        volume_seen_at=datetime.fromisoformat(seen_at) if seen_at else None,
    )


def _parts(
    model: type[models.Model], ids: Sequence[uuid.UUID]
) -> defaultdict[uuid.UUID, list[Row]]:
    names = [field.name for field in kept_columns(model)]
    rows_by_backup: defaultdict[uuid.UUID, list[Row]] = defaultdict(list)
    query = model._default_manager.filter(backup__in=ids).order_by("pk")
    for backup_id, *values in bulk.rows(query, ["backup", *names]):
        # SQLite hands out the key of another row as it keeps it, as text.
        rows_by_backup[uuid.UUID(str(backup_id))].append(dict(zip(names, values, strict=True)))
    return rows_by_backup


def _volumes_seen_at(ids: Sequence[uuid.UUID]) -> dict[tuple[str, str | None], datetime]:
    named = Backup.objects.filter(pk__in=ids, volume_id__isnull=False).order_by()
    volume_ids = set(named.values_list("volume_id", flat=True))
    rows = Volume.objects.filter(volume_id__in=volume_ids)
    seen_at: dict[tuple[str, str | None], datetime] = {}
    for cloud, volume_id, first_seen_at in rows.values_list("cloud", "volume_id", "first_seen_at"):
        seen_at[cloud, volume_id] = first_seen_at
    return seen_at


def _known(model: type[models.Model], stored: Row) -> Row:
    """Returns the values of the columns that there are today, as Python has them."""
    row: Row = {}
    for field in kept_columns(model):
        if field.name in stored:
            row[field.name] = _value(kind(field), stored[field.name])
    return row


def _value(column_kind: str, value: Any) -> Any:
    if value is None:
        return None
    if column_kind == "DateTimeField":
        return datetime.fromisoformat(value)
    if column_kind == "UUIDField":
        return uuid.UUID(value)
    return value


def _as_text(value: object) -> str:
    """A type that nobody thought of is an error, and no guess."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in the trash")
