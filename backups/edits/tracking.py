"""Which backups are tracked: reading IDs out of what people paste, adding, untracking,
following a cloud's list.
"""

import uuid
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backups.clouds import registry, sign_in
from backups.clouds.registry import UnknownCloud
from backups.derived import queue
from backups.derived.moves import by_cloud, forget, move, volumes_of
from backups.edits import backup_edits, trash
from backups.edits.backup_edits import BackupFields
from backups.edits.common import Actor, BadValue
from backups.edits.pasted_ids import Line, read_each
from backups.edits.pasted_notes import Remarks
from backups.models import FULL_ACCESS, Access, Backup, Cloud, ObjectKind, SearchText, Verb
from backups.models.data_version import data_changed
from backups.shared import acting, audit, server_backups
from backups.shared.audit import Act
from backups.shared.batches import IDS_PER_QUERY, in_batches
from backups.shared.locks import clouds_of, lock_clouds

# Of an ID that is tracked by a cloud which is not open: which one is nobody's to know.
NOT_TO_BE_ADDED = "cannot be added to this cloud"
# Of one that the trash keeps.
COMES_BACK = "It comes back from the trash, with its history, tags and note."
# Of one act; above it each cloud has one row. It changes nothing, so a script may ask again and
# again, and rows of what nobody changed would bury the others.
MOST_REFRESHES_NOTED = 100


@dataclass(frozen=True)
class Invalid:
    value: str
    reason: str


@dataclass(frozen=True)
class Added:
    added: list[str]
    already_tracked: list[str]
    invalid: list[Invalid]


@dataclass(frozen=True)
class Verdict:
    """What adding a pasted line would do."""

    value: str
    state: Literal["new", "already_tracked", "duplicate", "left_out", "invalid"]
    reason: str | None
    id: str | None


def add(*, cloud: str, values: Iterable[str], now: datetime, access: Access = FULL_ACCESS) -> Added:
    """Tracks the IDs in the texts `values`, as `add_lines` does. Raises UnknownCloud, TooMany."""
    return add_lines(cloud=cloud, lines=read_each(values), now=now, access=access)


def add_lines(
    *,
    cloud: str,
    lines: Sequence[Line],
    now: datetime,
    access: Access = FULL_ACCESS,
    batch: uuid.UUID | None = None,
    remarks: Mapping[str, Remarks] | None = None,
) -> Added:
    """Tracks the IDs of these lines in `cloud`. Raises UnknownCloud.

    One that is tracked under another cloud moves here when nobody ever saw it there, or that cloud
    is configured no more. `access`: of whoever adds; what a cloud tracks that is not open to him is
    invalid, unless that cloud itself says that it has no such backup: then it begins anew here,
    without what people wrote there. `batch` is stored with every backup that was not tracked
    before, so that a page can list them later. What the trash keeps of one comes back with it.
    `remarks` are notes and tags by ID, for what becomes tracked here and has none.
    """
    _check_cloud(cloud, access)
    ids: dict[str, str] = {}  # each once, in the order of the lines, with what was written
    invalid = []
    for line in lines:
        if line.is_left_out:
            continue
        if line.id is None:
            invalid.append(Invalid(line.value, line.reason or ""))
        else:
            ids.setdefault(line.id, line.value)
    with transaction.atomic():
        Cloud.objects.bulk_create([Cloud(name=cloud)], ignore_conflicts=True)
        left_clouds = {row.cloud for row in _tracked(ids).values() if row.moves_to(cloud, access)}
        lock_clouds([cloud, *left_clouds])
        # Read once more under the locks: an answer that was being stored meanwhile counts, and what
        # was seen does not move.
        tracked = _tracked(ids)
        moved = []
        denied = []
        for backup_id in ids:
            row = tracked.get(backup_id)
            if row is None or not row.moves_to(cloud, access):
                continue
            if access.opens(row.cloud):
                moved.append(backup_id)
            else:
                denied.append(backup_id)
        for batch_of_denied in in_batches(denied):
            Backup.objects.filter(pk__in=batch_of_denied).delete()
        # In one order for all who add at the same time.
        new = sorted((ids.keys() - tracked.keys()) | set(denied))
        rows = [
            Backup(
                id=uuid.UUID(backup_id),
                cloud_id=cloud,
                tracked_at=now,
                next_refresh_at=now,
                added_batch=batch,
            )
            for backup_id in new
        ]
        Backup.objects.bulk_create(rows, ignore_conflicts=True, batch_size=IDS_PER_QUERY)
        SearchText.objects.put({"id": row.pk} for row in rows)
        left_volumes = move(moved, cloud, now)
        returned_volumes = trash.come_back(cloud, ids, now, access=access)
        newly_tracked = {*new, *moved}
        _set_remarks(newly_tracked, remarks or {}, now, access)
        new_acts = [Act(backup_id, cloud) for backup_id in new if backup_id not in tracked]
        audit.note_many(Verb.BACKUP_TRACK, ObjectKind.BACKUP, new_acts, at=now)
        moved_acts = []
        for backup_id in (*moved, *denied):
            # Who reads the rows of one of the two clouds is not told the name of the other.
            left = tracked[backup_id].cloud
            moved_acts.append(Act(backup_id, left, {"tracked": True}, {"tracked": False}))
            moved_acts.append(Act(backup_id, cloud, {"tracked": False}, {"tracked": True}))
        audit.note_many(Verb.BACKUP_MOVE, ObjectKind.BACKUP, moved_acts, at=now)
        data_changed()
    forget(left_volumes, now)
    trash.derive(returned_volumes, now)
    result = Added([], [], invalid)
    for backup_id, value in ids.items():
        known = tracked.get(backup_id)
        if backup_id in newly_tracked:
            result.added.append(backup_id)
        elif known is not None and not access.opens(known.cloud):
            result.invalid.append(Invalid(value, NOT_TO_BE_ADDED))
        else:
            result.already_tracked.append(backup_id)
    return result


def _set_remarks(
    ids: Container[str], remarks: Mapping[str, Remarks], now: datetime, access: Access
) -> None:
    """Sets notes and tags that can be stored; the preview said of the others why they cannot."""
    fields: dict[uuid.UUID, BackupFields] = {}
    for backup_id, of_backup in remarks.items():
        if backup_id in ids and not _why_not_taken(of_backup):
            fields[uuid.UUID(backup_id)] = backup_edits.clean(_fields(of_backup))
    actor = Actor(acting.who().name, now, access)
    backup_edits.fill(fields, actor=actor)


def _fields(remarks: Remarks) -> BackupFields:
    return {"note": remarks.note, "tags": list(remarks.tags)}


def _why_not_taken(remarks: Remarks) -> str:
    """Returns an empty text for a note and tags that can be stored."""
    try:
        backup_edits.clean(_fields(remarks))
    except BadValue as e:
        return str(e)
    return ""


def _with_remarks(verdict: Verdict, remarks: Remarks) -> Verdict:
    """Says what comes with a new backup, or why it does not."""
    parts = []
    if remarks.note:
        parts.append("a note")
    if remarks.tags:
        parts.append(f"{len(remarks.tags)} tag{'' if len(remarks.tags) == 1 else 's'}")
    refused = _why_not_taken(remarks)
    sentence = f"With {' and '.join(parts)}."
    if refused:
        sentence = f"Without {' and '.join(parts)}: {refused}"
    return replace(verdict, reason=f"{verdict.reason} {sentence}" if verdict.reason else sentence)


def preview(
    *,
    cloud: str,
    lines: Sequence[Line],
    access: Access = FULL_ACCESS,
    remarks: Mapping[str, Remarks] | None = None,
) -> list[Verdict]:
    """Returns what `add_lines` would do with each line, writing nothing. Raises UnknownCloud."""
    _check_cloud(cloud, access)
    ids = [line.id for line in lines if line.id is not None]
    tracked = _tracked(ids)
    kept = trash.kept_of(ids, access=access)
    coming_back = {str(row.backup_id) for row in kept if trash.comes_to(row, cloud)}
    ids_above: set[str] = set()
    verdicts = []
    for line in lines:
        verdict = _verdict(line, cloud, tracked, ids_above, access)
        if verdict.state == "new" and verdict.reason is None and verdict.id in coming_back:
            verdict = replace(verdict, reason=COMES_BACK)
        of_backup = (remarks or {}).get(verdict.id or "")
        if verdict.state == "new" and of_backup is not None:
            verdict = _with_remarks(verdict, of_backup)
        verdicts.append(verdict)
        if line.id is not None:
            ids_above.add(line.id)
    return verdicts


def in_open_clouds(ids: Sequence[str], access: Access) -> list[str]:
    """Returns those of these that are tracked in a cloud that is open to somebody, in their order;
    what is tracked elsewhere is as good as untracked to him.
    """
    visible: set[str] = set()
    for batch in in_batches(ids):
        rows = Backup.objects.filter(pk__in=batch).visible_to(access).order_by()
        visible.update(str(pk) for pk in rows.values_list("pk", flat=True))
    return [backup_id for backup_id in ids if backup_id in visible]


def untrack(
    ids: Sequence[str], access: Access = FULL_ACCESS, *, act: uuid.UUID | None = None
) -> int:
    """Moves these backups and all that was known of them to the trash, those apart that lie in
    clouds which are not open. Returns how many there were. Their volumes are judged anew.

    `act` names what goes there together, so that a page can take it back.
    """
    now = timezone.now()
    deleted = 0
    with transaction.atomic():
        lock_clouds(name for name in clouds_of(ids) if access.opens(name))
        # Under the locks, which a backup that moves has to wait for.
        ids = in_open_clouds(ids, access)
        # Children go with their parents.
        ids = list(dict.fromkeys([*ids, *map(str, server_backups.children_of(ids))]))
        # Read under the lock: an answer that was being stored meanwhile may have named another
        # volume.
        volumes = by_cloud(volumes_of(ids))
        for cloud, volume_ids in volumes.items():
            queue.mark(cloud, volume_ids, now)
        audit.note_many(Verb.BACKUP_UNTRACK, ObjectKind.BACKUP, _acts(ids), at=now)
        trash.put(ids, act or uuid.uuid4(), now)
        for batch in in_batches(ids):
            _, deleted_by_model = Backup.objects.filter(pk__in=batch).delete()
            deleted += deleted_by_model.get("backups.Backup", 0)
        data_changed()
    forget(volumes, now)
    return deleted


def refresh_now(ids: Sequence[str], now: datetime, access: Access = FULL_ACCESS) -> int:
    """Makes these due at once, for a person, those apart that lie in clouds which are not open.
    Returns how many there are. A cloud that is left alone gets one more try.
    """
    left_alone = Cloud.objects.filter(Q(refused_at__isnull=False) | Q(pause_reason="breaker"))
    names = set(left_alone.values_list("pk", flat=True))
    clouds = {name for name in clouds_of(ids) if access.opens(name)}
    sign_in.try_again(sorted(clouds & names))
    with transaction.atomic():
        lock_clouds(clouds)
        ids = in_open_clouds(ids, access)
        due = len(set(ids))
        for batch in in_batches(_asked_about(ids)):
            Backup.objects.filter(pk__in=batch).update(next_refresh_at=now)
        audit.note_many(
            Verb.BACKUP_REFRESH,
            ObjectKind.BACKUP,
            _acts(ids),
            at=now,
            most_rows=MOST_REFRESHES_NOTED,
        )
        data_changed()
    return due


def _asked_about(ids: Sequence[str]) -> list[uuid.UUID]:
    """Returns what is asked about for the sake of these: in place of a child the whole."""
    keys = [uuid.UUID(backup_id) for backup_id in ids]
    in_place = server_backups.asked_in_place(keys)
    return list(dict.fromkeys(in_place.get(pk, pk) for pk in keys))


def _acts(ids: Iterable[str]) -> list[Act]:
    """Returns those of these that are tracked, each with its cloud, for the record."""
    return [Act(backup_id, row.cloud) for backup_id, row in _tracked(ids).items()]


@dataclass(frozen=True)
class _Tracked:
    """A backup that is tracked already. `is_seen`: its cloud has answered for it; `is_denied`: that
    cloud said that there is none, and never anything else.
    """

    is_seen: bool
    is_denied: bool
    cloud: str

    def moves_to(self, cloud: str, access: Access) -> bool:
        """Tells whether it leaves its cloud when somebody adds it to this one. Where that is not
        open to him, silence is no leave: its answer may be on the way.
        """
        if self.cloud == cloud:
            return False
        if not access.opens(self.cloud):
            return self.is_denied
        return not self.is_seen or self.cloud not in registry.configured()


def _tracked(ids: Iterable[str]) -> dict[str, _Tracked]:
    """Returns those of these that are tracked, by ID."""
    tracked = {}
    for batch in in_batches(list(ids)):
        rows = Backup.objects.filter(pk__in=batch)
        for pk, refreshed_at, missed_at, cloud in rows.values_list(
            "pk", "refreshed_at", "missed_at", "cloud"
        ):
            is_seen = refreshed_at is not None
            is_denied = not is_seen and missed_at is not None
            tracked[str(pk)] = _Tracked(is_seen, is_denied, cloud)
    return tracked


def _verdict(
    line: Line,
    cloud: str,
    tracked: Mapping[str, _Tracked],
    ids_above: Container[str],
    access: Access,
) -> Verdict:
    if line.is_left_out:
        return Verdict(line.value, "left_out", line.reason, None)
    if line.id is None:
        return Verdict(line.value, "invalid", line.reason, None)
    if line.id in ids_above:
        return Verdict(line.value, "duplicate", "It stands above already.", line.id)
    row = tracked.get(line.id)
    if row is None:
        return Verdict(line.value, "new", None, line.id)
    if not access.opens(row.cloud):
        if row.moves_to(cloud, access):
            return Verdict(line.value, "new", None, line.id)
        return Verdict(line.value, "invalid", NOT_TO_BE_ADDED, None)
    if row.moves_to(cloud, access):
        return Verdict(line.value, "new", f"It moves here from {row.cloud}.", line.id)
    return Verdict(line.value, "already_tracked", f"Tracked in {row.cloud}.", line.id)


def _check_cloud(cloud: str, access: Access) -> None:
    if cloud not in registry.configured_for(access):
        raise UnknownCloud(cloud, access)
