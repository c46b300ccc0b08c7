"""What operators set on disks: a change checks the version it was made for, keeps who and when, and
counts at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import F

from backups.analysis.rules import Rule
from backups.clouds import registry
from backups.derived import volumes
from backups.models import Cloud, Edit, Volume, VolumeTag
from backups.models.rule import RuleColumns
from backups.shared.batches import in_batches
from backups.shared.locks import lock_volumes
from backups.vbs.ids import normal, why_no_id

MOST_TAGS, LONGEST_TAG, LONGEST_TEXT = 50, 64, 10_000
_COLUMNS = {  # what a person calls it → the columns that hold it
    "label": ("label",),
    "note": ("note",),
    "tags": ("tags",),
    "follow": ("follow",),
    "exempt": ("exempt_reason", "exempt_until"),
    "rule": RuleColumns.RULE,
}
VolumeKey = tuple[str, str]  # cloud, volume_id
Values = Mapping[str, Any]  # by column


class UnknownVolume(LookupError):
    """No such disk is known; the text is a sentence."""


class BadValue(ValueError):
    """`word` is the one at fault; the text is a sentence."""

    def __init__(self, word: str, sentence: str) -> None:
        super().__init__(sentence)
        self.word = word


class Conflict(Exception):
    """Somebody else changed it meanwhile; nothing was written. `version` is the one that is there
    now.
    """

    def __init__(self, version: int, by: str | None) -> None:
        super().__init__(
            f"{by or 'Somebody'} changed this meanwhile: look at what is there now, then save "
            "again."
        )
        self.version = version


@dataclass(frozen=True)
class Actor:
    """Who changes something, and when."""

    by: str
    now: datetime


def set_rule(
    keys: Sequence[VolumeKey], rule: Rule | None, *, actor: Actor, version: int | None = None
) -> int:
    """None takes the disk's own rule away: the next nearest is in force."""
    return change(keys, rule_columns(rule), actor=actor, version=version)


def exempt(
    keys: Sequence[VolumeKey],
    reason: str,
    until: datetime | None,
    *,
    actor: Actor,
    version: int | None = None,
) -> int:
    """Outside all totals, for a reason, until a time or for good. Raises BadValue."""
    return change(keys, exempt_columns(reason, until, actor.now), actor=actor, version=version)


def end_exemption(keys: Sequence[VolumeKey], *, actor: Actor, version: int | None = None) -> int:
    return change(keys, {"exempt_reason": None, "exempt_until": None}, actor=actor, version=version)


def set_follow(
    keys: Sequence[VolumeKey], follow: bool | None, *, actor: Actor, version: int | None = None
) -> int:
    """None: as `vbs_follow` of the cloud says."""
    return change(keys, {"follow": follow}, actor=actor, version=version)


def set_label(
    keys: Sequence[VolumeKey], label: str | None, *, actor: Actor, version: int | None = None
) -> int:
    return change(
        keys, {"label": text("label", label or "", most=255) or None}, actor=actor, version=version
    )


def set_note(
    keys: Sequence[VolumeKey], note: str, *, actor: Actor, version: int | None = None
) -> int:
    return change(
        keys, {"note": text("note", note, most=LONGEST_TEXT)}, actor=actor, version=version
    )


def set_tags(
    keys: Sequence[VolumeKey], tags: Sequence[str], *, actor: Actor, version: int | None = None
) -> int:
    return change(keys, {"tags": clean_tags(tags)}, actor=actor, version=version)


def add_tags(
    keys: Sequence[VolumeKey], add: Sequence[str], remove: Sequence[str] = (), *, actor: Actor
) -> int:
    """Put tags on and take tags off, leaving the others; nothing of anybody's is lost, so no
    version is asked for.
    """
    added = clean_tags(add)

    def retagged(row: Volume) -> Values:
        kept = [tag for tag in row.tags if tag not in remove]
        return {"tags": clean_tags([*kept, *added])}

    return change(keys, retagged, actor=actor)


def change(
    keys: Sequence[VolumeKey],
    columns: Values | Callable[[Volume], Values],
    *,
    actor: Actor,
    version: int | None = None,
) -> int:
    """Write columns of these disks in one transaction; how many really changed. Raises UnknownDisk
    and Conflict.
    """
    changed: dict[str, list[str]] = {}
    with transaction.atomic():
        for cloud, some in groupby(sorted(set(keys)), key=lambda key: key[0]):
            ids = [volume_id for _, volume_id in some]
            for batch in in_batches(ids):
                changed.setdefault(cloud, []).extend(_change(cloud, batch, columns, actor, version))
    are_followed = not callable(columns) and columns.get("follow") is True
    for cloud, ids in changed.items():
        if ids and are_followed:
            volumes.request_sweep(cloud, actor.now)
        volumes.derive(cloud, ids, actor.now)
    return sum(map(len, changed.values()))


def register(cloud: str, volume_id: str, *, label: str | None = None, actor: Actor) -> bool:
    """Make a disk known by hand; was it new? Raises BadValue."""
    check_cloud(cloud)
    volume_id = clean_volume_id(volume_id)
    with transaction.atomic():
        row, new = Volume.objects.get_or_create(
            cloud_id=cloud,
            volume_id=volume_id,
            defaults={"first_seen_at": actor.now, "derive_at": actor.now},
        )
        if new:
            Edit.objects.create(
                volume=row, at=actor.now, by=actor.by, field="registered", after=volume_id
            )
        if label:
            set_label([(cloud, volume_id)], label, actor=actor)
    if new:
        volumes.request_sweep(cloud, actor.now)
    volumes.derive(cloud, [volume_id], actor.now)
    return new


def clean_volume_id(value: str) -> str:
    """Without blanks around, a UUID in lower case. Raises BadValue for what cannot be the ID of a
    disk.
    """
    given = value.strip()
    if not given:
        raise BadValue("volume_id", "Write the ID of the disk.")
    if why := why_no_id(given):
        raise BadValue("volume_id", f"“{given[:80]}” is no ID of a disk: {why}.")
    return normal(given)


def rule_columns(rule: Rule | None) -> dict[str, Any]:
    if rule is None:
        return dict.fromkeys(RuleColumns.RULE)
    period, grace = int(rule.period.total_seconds()), int(rule.grace.total_seconds())
    return dict(
        zip(
            RuleColumns.RULE,
            (period, grace, rule.cron, rule.zone if rule.cron else None),
            strict=True,
        )
    )


def exempt_columns(reason: str, until: datetime | None, now: datetime) -> dict[str, Any]:
    """Raises BadValue."""
    given = text("exempt", reason, most=LONGEST_TEXT)
    if not given:
        raise BadValue("exempt", "Say why it needs no backup.")
    if until is not None and until <= now:
        raise BadValue("exempt", "The end of the exemption has passed already.")
    return {"exempt_reason": given, "exempt_until": until}


def clean_tags(tags: Sequence[str]) -> list[str]:
    """Each once, without blanks around, in order of code points. Raises BadValue."""
    found = sorted({name for tag in tags if (name := text("tags", tag, most=LONGEST_TAG))})
    if len(found) > MOST_TAGS:
        raise BadValue("tags", f"At most {MOST_TAGS} tags.")
    return found


def text(word: str, value: str, *, most: int) -> str:
    """Without blanks around; what no database holds, or is too long, is refused. Raises
    BadValue.
    """
    given = value.strip()
    if len(given) > most:
        raise BadValue(word, f"At most {most:,} characters.")
    if "\x00" in given or any("\ud800" <= c <= "\udfff" for c in given):
        raise BadValue(word, "It holds a character that cannot be stored.")
    return given


def check_cloud(cloud: str) -> None:
    """Raises BadValue."""
    if cloud in registry.configured():
        Cloud.objects.get_or_create(name=cloud)
    elif not Cloud.objects.filter(name=cloud).exists():
        raise BadValue("cloud", f"“{cloud[:80]}” is no cloud that is known here.")


def _change(
    cloud: str,
    ids: Sequence[str],
    columns: Values | Callable[[Volume], Values],
    actor: Actor,
    version: int | None,
) -> list[str]:
    """Those of these disks that really changed; they are marked to be derived."""
    found = list(lock_volumes(Volume.objects.filter(cloud=cloud, volume_id__in=ids)))
    if missing := sorted(set(ids) - {row.volume_id for row in found}):
        raise UnknownVolume(f"No disk {missing[0][:80]} is known in {cloud[:80]}.")
    edits: list[Edit] = []
    for row in found:
        if version is not None and row.version != version:
            last = Edit.objects.filter(volume=row).order_by("-id").first()
            raise Conflict(row.version, last.by if last else None)
        edits += _set(row, columns(row) if callable(columns) else columns, actor)
    changed = {edit.volume_id for edit in edits}
    touched = [row for row in found if row.pk in changed]
    for row in touched:
        row.derive_at = actor.now
    if callable(columns):
        written = {column for word in {edit.field for edit in edits} for column in _COLUMNS[word]}
        Volume.objects.bulk_update(
            touched, [*sorted(written), "version", "derive_at"], batch_size=100
        )
    else:  # the same for all: one UPDATE
        rows = Volume.objects.filter(pk__in=[row.pk for row in touched])
        rows.update(**columns, version=F("version") + 1, derive_at=actor.now)
    Edit.objects.bulk_create(edits, batch_size=100)
    retagged = {edit.volume_id for edit in edits if edit.field == "tags"}
    _retag([row for row in touched if row.pk in retagged])
    return [row.volume_id for row in touched]


def _set(row: Volume, columns: Values, actor: Actor) -> list[Edit]:
    """Put the values on the row; one entry for each word that is no longer what it was."""
    before = {word: _said(row, word) for word in _COLUMNS}
    for column, value in columns.items():
        setattr(row, column, value)
    after = {word: _said(row, word) for word in _COLUMNS}
    edits = [
        Edit(
            volume=row,
            at=actor.now,
            by=actor.by,
            field=word,
            before=before[word],
            after=after[word],
        )
        for word in _COLUMNS
        if before[word] != after[word]
    ]
    row.version += bool(edits)
    return edits


def _said(row: Volume, word: str) -> Any:
    """A word as its history keeps it: the value, or the columns by name."""
    values = {column: getattr(row, column) for column in _COLUMNS[word]}
    plain = {
        column: value.isoformat() if isinstance(value, datetime) else value
        for column, value in values.items()
    }
    return (
        plain[word]
        if word in plain
        else {column: value for column, value in plain.items() if value is not None}
    )


def _retag(rows: Sequence[Volume]) -> None:
    VolumeTag.objects.filter(volume__in=[row.pk for row in rows]).delete()
    VolumeTag.objects.bulk_create(
        [VolumeTag(volume=row, tag=tag) for row in rows for tag in row.tags], batch_size=400
    )
