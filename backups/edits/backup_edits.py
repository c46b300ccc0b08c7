"""What operators set on backups: a change checks the version it was made for, and keeps who and
when.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from backups.edits.volume_edits import LONGEST_TEXT, Actor, BadValue, Conflict, clean_tags
from backups.models import Backup, BackupTag, Edit
from backups.shared.batches import in_batches
from backups.shared.locks import clouds_of, lock_clouds

WORDS = ("note", "tags")


class UnknownBackup(LookupError):
    """It is not tracked."""


def change(
    backup_id: UUID, words: Mapping[str, Any], *, actor: Actor, version: int | None = None
) -> None:
    """Set note, tags or both. Raises UnknownBackup, Conflict and BadValue."""
    values = clean(words)
    with transaction.atomic():
        row = _locked([backup_id]).get(backup_id)
        if row is None:
            raise UnknownBackup(str(backup_id))
        if version is not None and row.version != version:
            last = Edit.objects.filter(backup=row).order_by("-id").first()
            raise Conflict(row.version, last.by if last else None)
        _write([(row, values)], actor)


def add_tags(
    ids: Sequence[UUID], add: Sequence[str], remove: Sequence[str] = (), *, actor: Actor
) -> int:
    """Put tags on and take tags off, leaving the others; how many backups that changed. Raises
    BadValue.
    """
    more, less = clean_tags(add), set(remove)
    changed = 0
    with transaction.atomic():
        lock_clouds(clouds_of(ids))
        for batch in in_batches(ids):
            rows = _locked(batch).values()
            kept = {row.pk: [tag for tag in row.tags if tag not in less] for row in rows}
            changed += _write(
                [(row, {"tags": clean_tags([*kept[row.pk], *more])}) for row in rows], actor
            )
    return changed


def clean(words: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are stored. Raises BadValue."""
    found = dict(words)
    if "tags" in found:
        found["tags"] = clean_tags(found["tags"])
    if len(found.get("note", "")) > LONGEST_TEXT or "\x00" in found.get("note", ""):
        raise BadValue("note", f"Write at most {LONGEST_TEXT:,} characters and no NUL.")
    return found


def _locked(ids: Sequence[UUID]) -> dict[UUID, Backup]:
    rows = Backup.objects.filter(pk__in=ids).order_by("pk").only("id", "note", "tags", "version")
    return {row.pk: row for row in rows.select_for_update(of=("self",), no_key=True)}


def _write(wanted: Sequence[tuple[Backup, Mapping[str, Any]]], actor: Actor) -> int:
    edits, touched, retagged = [], [], []
    for row, values in wanted:
        news = {word: value for word, value in values.items() if getattr(row, word) != value}
        for word, value in news.items():
            before = getattr(row, word)
            edits.append(
                Edit(backup=row, at=actor.now, by=actor.by, field=word, before=before, after=value)
            )
            setattr(row, word, value)
        if news:
            row.version += 1
            touched.append(row)
        if "tags" in news:
            retagged.append((row.pk, row.tags))
    Backup.objects.bulk_update(touched, [*WORDS, "version"], batch_size=100)
    BackupTag.objects.replace(retagged)
    Edit.objects.bulk_create(edits, batch_size=100)
    return len(touched)
