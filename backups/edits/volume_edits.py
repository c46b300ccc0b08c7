"""What operators set on volumes: a change checks the version it was made for, keeps who and when,
and counts at once.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F

from backups.analysis.numbers import thousands
from backups.analysis.rules import Rule
from backups.derived import search_names, volumes
from backups.edits.common import (
    LONGEST_TEXT,
    Actor,
    BadValue,
    Conflict,
    clean_tags,
    clean_text,
    ensure_cloud,
)
from backups.models import (
    Access,
    Backup,
    Edit,
    ObjectKind,
    TrashedBackup,
    Verb,
    Volume,
    VolumeTag,
)
from backups.models.data_version import data_changed
from backups.models.rule import RuleColumns
from backups.query.volume_keys import VolumeKey, stored_volume_id
from backups.shared import audit
from backups.shared.audit import Act
from backups.shared.batches import in_batches
from backups.shared.locks import lock_volumes
from backups.vbs.id_spellings import read_uuid, written
from backups.vbs.ids import why_no_id

LONGEST_LABEL = 255  # characters
# What a person sets, with the columns that hold it. The history keeps entries by these names.
_COLUMNS_OF_FIELD = {
    "label": ("label",),
    "note": ("note",),
    "tags": ("tags",),
    "follow": ("follow",),
    "exempt": ("exempt_reason", "exempt_until"),
    "rule": RuleColumns.RULE,
}
NOT_EXEMPT: Mapping[str, object] = {"exempt_reason": None, "exempt_until": None}
ColumnValues = Mapping[str, object]


class UnknownVolume(LookupError):
    """No such volume is known, or not to whoever changes it; the text is a sentence."""


class StillKnown(Exception):
    """More than a person makes the volume known; the text is a sentence."""


def set_rule(
    keys: Sequence[VolumeKey], rule: Rule | None, *, actor: Actor, version: int | None = None
) -> int:
    """Sets the volumes' own rule; None takes it away, so that the next nearest is in force."""
    return change(keys, rule_columns(rule), actor=actor, version=version)


def exempt(
    keys: Sequence[VolumeKey],
    reason: str,
    until: datetime | None,
    *,
    actor: Actor,
    version: int | None = None,
) -> int:
    """Takes volumes out of all totals, for a reason, until a time or for good. Raises BadValue."""
    return change(keys, exempt_columns(reason, until, actor.now), actor=actor, version=version)


def end_exemption(keys: Sequence[VolumeKey], *, actor: Actor, version: int | None = None) -> int:
    return change(keys, NOT_EXEMPT, actor=actor, version=version)


def set_follow(
    keys: Sequence[VolumeKey], follow: bool | None, *, actor: Actor, version: int | None = None
) -> int:
    """Sets whether new backups of them are tracked; None: as `vbs_follow` of the cloud says."""
    return change(keys, {"follow": follow}, actor=actor, version=version)


def set_label(
    keys: Sequence[VolumeKey], label: str | None, *, actor: Actor, version: int | None = None
) -> int:
    return change(keys, {"label": clean_label(label)}, actor=actor, version=version)


def set_note(
    keys: Sequence[VolumeKey], note: str, *, actor: Actor, version: int | None = None
) -> int:
    return change(keys, {"note": clean_note(note)}, actor=actor, version=version)


def set_tags(
    keys: Sequence[VolumeKey], tags: Sequence[str], *, actor: Actor, version: int | None = None
) -> int:
    return change(keys, {"tags": clean_tags(tags)}, actor=actor, version=version)


def add_tags(
    keys: Sequence[VolumeKey], add: Sequence[str], remove: Sequence[str] = (), *, actor: Actor
) -> int:
    """Puts tags on and takes tags off, leaving the others; nothing of anybody's is lost, so no
    version is asked for.
    """
    added = clean_tags(add)

    def retagged(row: Volume) -> ColumnValues:
        remaining = [tag for tag in row.tags if tag not in remove]
        return {"tags": clean_tags([*remaining, *added])}

    return change(keys, retagged, actor=actor)


def change(
    keys: Sequence[VolumeKey],
    columns: ColumnValues | Callable[[Volume], ColumnValues],
    *,
    actor: Actor,
    version: int | None = None,
) -> int:
    """Writes columns of these volumes in one transaction. Returns how many really changed. Raises
    UnknownVolume and Conflict.

    `columns`: the same values for all volumes, or a function that gives those of each.
    """
    ids_of_cloud: dict[str, list[str]] = {}
    for cloud, volume_id in sorted(set(keys)):
        ids_of_cloud.setdefault(cloud, []).append(volume_id)
    changed_of_cloud: dict[str, list[str]] = {}
    with transaction.atomic():
        for cloud, ids in ids_of_cloud.items():
            changed_of_cloud[cloud] = []
            for batch in in_batches(ids):
                changed_of_cloud[cloud] += _change(cloud, batch, columns, actor, version)
    are_followed = not callable(columns) and columns.get("follow") is True
    changed = 0
    for cloud, ids in changed_of_cloud.items():
        changed += len(ids)
        if ids and are_followed:
            volumes.request_sweep(cloud, actor.now)
        volumes.derive(cloud, ids, actor.now)
        if ids and not callable(columns) and "label" in columns:
            search_names.bring_up_to_date(cloud)
    return changed


def register(cloud: str, volume_id: str, *, label: str | None = None, actor: Actor) -> bool:
    """Makes a volume known by hand. Returns whether it was new. Raises BadValue."""
    ensure_cloud(cloud, actor.access)
    volume_id = stored_volume_id(cloud, clean_volume_id(volume_id))
    if not Volume.objects.filter(cloud=cloud, volume_id=volume_id).exists():
        _refuse_no_volume(volume_id, actor.access)
    with transaction.atomic():
        row, is_new = Volume.objects.get_or_create(
            cloud_id=cloud,
            volume_id=volume_id,
            defaults={"first_seen_at": actor.now, "derive_at": actor.now},
        )
        if is_new:
            Edit.objects.create(
                volume=row, at=actor.now, by=actor.by, field="registered", after=volume_id
            )
            audit.note(
                Verb.VOLUME_REGISTER, ObjectKind.VOLUME, volume_id, cloud=cloud, at=actor.now
            )
            data_changed()
        if label:
            set_label([(cloud, volume_id)], label, actor=actor)
    if is_new:
        volumes.request_sweep(cloud, actor.now)
    volumes.derive(cloud, [volume_id], actor.now)
    return is_new


def remove(cloud: str, volume_id: str, *, actor: Actor) -> None:
    """Forgets a volume that nothing but a person makes known, with all that was set on it. Raises
    UnknownVolume and StillKnown.
    """
    with transaction.atomic():
        rows = Volume.objects.filter(cloud=cloud, volume_id=volume_id).visible_to(actor.access)
        row = lock_volumes(rows).first()
        if row is None:
            raise _unknown(cloud, volume_id)
        sentence = _why_known(row)
        if sentence:
            raise StillKnown(sentence)
        before = {"label": row.label} if row.label else None
        act = Act(volume_id, cloud, before)
        volumes.remove(row, actor.now)
        audit.note_many(Verb.VOLUME_REMOVE, ObjectKind.VOLUME, [act], at=actor.now)


def _why_known(row: Volume) -> str:
    """Returns what else than a person makes a volume known; an empty text where nothing does."""
    tracked = Backup.objects.filter(cloud=row.cloud_id, volume_id=row.volume_id).count()
    if tracked:
        count = f"{thousands(tracked)} backup{' of it is' if tracked == 1 else 's of it are'}"
        return f"{count} tracked: untrack {'it' if tracked == 1 else 'them'} first."
    if row.listed_at is not None:
        return "Its cloud names it in the list of disks, and would do so again."
    if row.listed_backups:
        return "Its cloud lists backups of it."
    return ""


def _refuse_no_volume(volume_id: str, access: Access) -> None:
    """Raises BadValue for what a person mistook for the ID of a disk: in every dialect that is a
    UUID (backups/vbs/API.md §2), and none that a backup has.
    """
    backup_id = read_uuid(volume_id)
    if backup_id is None:
        raise BadValue(
            "volume_id",
            f"“{volume_id[:80]}” is no ID of a disk: that is a UUID, as "
            "3f1c0c8e-5b7a-4e0e-9d0b-0d6f1c2a7b11.",
        )
    tracked = Backup.objects.filter(pk=backup_id).visible_to(access)
    trashed = TrashedBackup.objects.filter(backup_id=backup_id).visible_to(access)
    if tracked.exists() or trashed.exists():
        raise BadValue("volume_id", f"{backup_id} is the ID of a backup, and of no disk.")


def clean_volume_id(value: str) -> str:
    """Returns the one spelling of an ID that a person wrote. Raises BadValue for what cannot be
    the ID of a volume.
    """
    text = written(value)
    if not text:
        raise BadValue("volume_id", "Write the ID of the disk.")
    reason = why_no_id(text)
    if reason:
        raise BadValue("volume_id", f"“{text[:80]}” is no ID of a disk: {reason}.")
    return text


def clean_label(label: str | None) -> str | None:
    """Returns None for a label that holds nothing. Raises BadValue."""
    return clean_text("label", label or "", max_length=LONGEST_LABEL) or None


def clean_note(note: str) -> str:
    """Raises BadValue."""
    return clean_text("note", note, max_length=LONGEST_TEXT)


def rule_columns(rule: Rule | None) -> ColumnValues:
    return RuleColumns.NO_RULE if rule is None else rule.columns()


def exempt_columns(reason: str, until: datetime | None, now: datetime) -> ColumnValues:
    """Raises BadValue."""
    cleaned = clean_text("exempt", reason, max_length=LONGEST_TEXT)
    if not cleaned:
        raise BadValue("exempt", "Say why it needs no backup.")
    if until is not None and until <= now:
        raise BadValue("exempt", "The end of the exemption has passed already.")
    return {"exempt_reason": cleaned, "exempt_until": until}


def _change(
    cloud: str,
    ids: Sequence[str],
    columns: ColumnValues | Callable[[Volume], ColumnValues],
    actor: Actor,
    version: int | None,
) -> list[str]:
    """Returns those of these volumes that really changed; they are marked to be derived."""
    visible = Volume.objects.filter(cloud=cloud, volume_id__in=ids).visible_to(actor.access)
    rows = list(lock_volumes(visible))
    missing = set(ids) - {row.volume_id for row in rows}
    if missing:
        raise _unknown(cloud, min(missing))
    edits: list[Edit] = []
    changed: dict[int, Volume] = {}
    changed_ids: list[str] = []
    acts: list[Act] = []
    retagged: dict[int, list[str]] = {}
    for row in rows:
        if version is not None and row.version != version:
            last = Edit.objects.filter(volume=row).order_by("-id").first()
            raise Conflict(row.version, last.by if last else None)
        edits_of_row = _set(row, columns(row) if callable(columns) else columns, actor)
        if not edits_of_row:
            continue
        row.version += 1
        row.derive_at = actor.now
        changed[row.pk] = row
        changed_ids.append(row.volume_id)
        values_before = {edit.field: edit.before for edit in edits_of_row}
        values_after = {edit.field: edit.after for edit in edits_of_row}
        acts.append(Act(row.volume_id, cloud, values_before, values_after))
        for edit in edits_of_row:
            edits.append(edit)
            if edit.field == "tags":
                retagged[row.pk] = row.tags
    if callable(columns):
        written = {"version", "derive_at"}
        for edit in edits:
            written.update(_COLUMNS_OF_FIELD[edit.field])
        Volume.objects.bulk_update(changed.values(), sorted(written), batch_size=100)
    else:
        # All rows get the same values, so one UPDATE does it.
        Volume.objects.filter(pk__in=list(changed)).update(
            **columns, version=F("version") + 1, derive_at=actor.now
        )
    Edit.objects.bulk_create(edits, batch_size=100)
    VolumeTag.objects.replace(retagged)
    audit.note_many(Verb.VOLUME_EDIT, ObjectKind.VOLUME, acts, at=actor.now)
    data_changed()
    return changed_ids


def _unknown(cloud: str, volume_id: str) -> UnknownVolume:
    return UnknownVolume(f"No disk {volume_id[:80]} is known in {cloud[:80]}.")


def _set(row: Volume, columns: ColumnValues, actor: Actor) -> list[Edit]:
    """Puts the values on the row. Returns one entry for each field that is no
    longer what it was.
    """
    edits = []
    for field, columns_of_field in _COLUMNS_OF_FIELD.items():
        before = _history_value(row, field)
        for column in columns_of_field:
            if column in columns:
                setattr(row, column, columns[column])
        after = _history_value(row, field)
        if after != before:
            edits.append(
                Edit(
                    volume=row,
                    at=actor.now,
                    by=actor.by,
                    field=field,
                    before=before,
                    after=after,
                )
            )
    return edits


def _history_value(row: Volume, field: str) -> object:
    """Returns what the history keeps of a field, as JSON has it: the value, or the columns by
    name where several hold it.
    """
    values = {}
    for column in _COLUMNS_OF_FIELD[field]:
        value = getattr(row, column)
        values[column] = value.isoformat() if isinstance(value, datetime) else value
    if field in values:
        return values[field]
    return {column: value for column, value in values.items() if value is not None}
