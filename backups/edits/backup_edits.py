"""What operators set on backups: a change checks the version it was made for, and
keeps who and when.
"""

from collections.abc import Mapping, Sequence
from typing import TypedDict
from uuid import UUID

from django.db import transaction

from backups.analysis.numbers import thousands
from backups.edits.common import LONGEST_TEXT, Actor, BadValue, Conflict, clean_tags
from backups.models import Access, Backup, BackupTag, Edit, ObjectKind, Verb
from backups.models.data_version import data_changed
from backups.shared import audit
from backups.shared.audit import Act
from backups.shared.batches import in_batches
from backups.shared.locks import clouds_of, lock_clouds


class UnknownBackup(LookupError):
    """It is not tracked, or in a cloud that is not open to whoever changes it."""


class BackupFields(TypedDict, total=False):
    """What an operator can set on a backup."""

    note: str
    tags: list[str]


def change(
    backup_id: UUID, fields: BackupFields, *, actor: Actor, version: int | None = None
) -> None:
    """Sets note, tags or both. Raises UnknownBackup, Conflict and BadValue."""
    values = clean(fields)
    with transaction.atomic():
        backup = _locked([backup_id], actor.access).get(backup_id)
        if backup is None:
            raise UnknownBackup(str(backup_id))
        if version is not None and backup.version != version:
            last = Edit.objects.filter(backup=backup).order_by("-id").first()
            raise Conflict(backup.version, last.by if last else None)
        _write({backup: values}, actor)


def add_tags(
    ids: Sequence[UUID], add: Sequence[str], remove: Sequence[str] = (), *, actor: Actor
) -> int:
    """Puts tags on and takes tags off, leaving the others, in the clouds that are open. Returns how
    many backups that changed. Raises BadValue.
    """
    added = clean_tags(add)
    removed = set(remove)
    changed = 0
    with transaction.atomic():
        lock_clouds(name for name in clouds_of(ids) if actor.access.opens(name))
        for batch in in_batches(ids):
            wanted: dict[Backup, BackupFields] = {}
            for backup in _locked(batch, actor.access).values():
                remaining = [tag for tag in backup.tags if tag not in removed]
                wanted[backup] = {"tags": clean_tags([*remaining, *added])}
            changed += _write(wanted, actor)
    return changed


def fill(remarks: Mapping[UUID, BackupFields], *, actor: Actor) -> int:
    """Sets note and tags of backups that have none, within a transaction that locks their clouds;
    what somebody wrote is never overwritten. Returns how many backups that changed.
    """
    changed = 0
    for batch in in_batches(list(remarks)):
        wanted: dict[Backup, BackupFields] = {}
        for pk, backup in _locked(batch, actor.access).items():
            fields = remarks[pk]
            lacking: BackupFields = {}
            if not backup.note and fields.get("note"):
                lacking["note"] = fields["note"]
            if not backup.tags and fields.get("tags"):
                lacking["tags"] = fields["tags"]
            if lacking:
                wanted[backup] = lacking
        changed += _write(wanted, actor)
    return changed


def clean(fields: BackupFields) -> BackupFields:
    """Returns the values as they are stored. Raises BadValue."""
    cleaned = fields.copy()
    if "tags" in cleaned:
        cleaned["tags"] = clean_tags(cleaned["tags"])
    note = cleaned.get("note", "")
    if len(note) > LONGEST_TEXT or "\x00" in note:
        raise BadValue("note", f"Write at most {thousands(LONGEST_TEXT)} characters and no NUL.")
    return cleaned


def _locked(ids: Sequence[UUID], access: Access) -> dict[UUID, Backup]:
    visible = Backup.objects.filter(pk__in=ids).visible_to(access)
    rows = visible.order_by("pk").only("id", "cloud", "note", "tags", "version")
    return {row.pk: row for row in rows.select_for_update(of=("self",), no_key=True)}


def _write(wanted: Mapping[Backup, BackupFields], actor: Actor) -> int:
    """Returns how many of these backups did not have these values yet."""
    edits = []
    changed = []
    acts: list[Act] = []
    retagged: dict[UUID, list[str]] = {}
    for backup, fields in wanted.items():
        values_before: dict[str, object] = {}
        values_after: dict[str, object] = {}
        for field, value in fields.items():
            before = getattr(backup, field)
            if before == value:
                continue
            values_before[field] = before
            values_after[field] = value
            setattr(backup, field, value)
            edits.append(
                Edit(
                    backup=backup,
                    at=actor.now,
                    by=actor.by,
                    field=field,
                    before=before,
                    after=value,
                )
            )
            if field == "tags":
                retagged[backup.pk] = backup.tags
        if values_after:
            backup.version += 1
            changed.append(backup)
            acts.append(Act(str(backup.pk), backup.cloud_id, values_before, values_after))
    Backup.objects.bulk_update(changed, ["note", "tags", "version"], batch_size=100)
    BackupTag.objects.replace(retagged)
    Edit.objects.bulk_create(edits, batch_size=100)
    audit.note_many(Verb.BACKUP_EDIT, ObjectKind.BACKUP, acts, at=actor.now)
    data_changed()
    return len(changed)
