"""The trash: what was untracked is kept for 30 days and can be tracked again as it was.

What is tracked is never overwritten by what was kept. Where a backup is tracked again by the time,
what is kept of it is added: history of before, note and tags where it has none. Where another cloud
tracks it by then, the kept one stays in the trash.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from backups.clouds import registry
from backups.derived import findings, moves, queue, volumes
from backups.edits.trash_content import AT_ONCE, PARTS, Content, kept_columns, read, write
from backups.models import (
    Access,
    Backup,
    BackupTag,
    Body,
    Cloud,
    ObjectKind,
    Revision,
    SearchText,
    TrashedBackup,
    Verb,
    Volume,
)
from backups.models.data_version import data_changed
from backups.models.search import folded, names_of_volumes
from backups.shared import acting, audit, bulk
from backups.shared.audit import Act
from backups.shared.batches import IDS_PER_QUERY, in_batches
from backups.shared.locks import lock_clouds
from backups.vbs.kind import judge

_COLUMNS: Final = (
    "backup_id",
    "cloud",
    "name",
    "status",
    "volume_id",
    "created_at",
    "refreshed_at",
    "trashed_at",
    "by",
    "act",
    "search_text",
    "content",
)
# What the last try to get an answer left on a row; of a cloud that it leaves it says nothing.
_OF_LAST_TRY: Final[Mapping[str, object]] = {
    "attempted_at": None,
    "error": None,
    "missed_at": None,
    "gone_at": None,
    "failures": 0,
    "unlisted_at": None,
}
PURGED_AT_ONCE: Final = 1_000


@dataclass(frozen=True)
class Elsewhere:
    """A backup that stays in the trash: another cloud tracks it by now."""

    id: str
    name: str


@dataclass
class Restored:
    """`ids` are tracked again."""

    ids: list[str] = field(default_factory=list)
    elsewhere: list[Elsewhere] = field(default_factory=list)


def put(ids: Sequence[str], act: uuid.UUID, now: datetime) -> None:
    """Keeps what is known of these backups, under the locks of their clouds and in the transaction
    that deletes them.
    """
    by = acting.who().name
    keys = [uuid.UUID(backup_id) for backup_id in ids]
    # What is kept of one already becomes a part of it first, so that none of it is lost.
    _bring_back(_kept_where_tracked(keys), now)
    for batch in in_batches(keys, AT_ONCE):
        kept = list(write(batch))
        names = names_of_volumes((written.cloud, written.row["volume_id"]) for written in kept)
        rows = []
        for written in kept:
            row = written.row
            names_of_volume = names.get((written.cloud, row["volume_id"]), ())
            text = folded({**row, "id": written.id}, names=names_of_volume)
            shown = [row[name] for name in ("name", "status", "volume_id")]
            times = [row["created_at"], row["refreshed_at"], now]
            rows.append([written.id, written.cloud, *shown, *times, by, act, text, written.text])
        bulk.insert(TrashedBackup, _COLUMNS, rows)
    data_changed()


def come_back(
    cloud: str, ids: Iterable[str], now: datetime, *, access: Access
) -> dict[str, list[str]]:
    """Gives those of these backups, which this cloud tracks, back what the trash keeps of them, in
    the transaction that adds them.

    What was kept of another cloud comes along as what is tracked there would: when it was never
    seen there, or that cloud is configured no more. Returns the IDs of their volumes, by cloud, to
    be derived after the transaction.
    """
    chosen: dict[uuid.UUID, TrashedBackup] = {}
    for row in kept_of(ids, access=access):
        before = chosen.get(row.backup_id)
        is_better = before is None or (row.cloud_id == cloud != before.cloud_id)
        if comes_to(row, cloud) and is_better:
            chosen[row.backup_id] = row
    tracked_here: set[uuid.UUID] = set()
    for batch in in_batches(list(chosen)):
        rows = Backup.objects.filter(pk__in=batch, cloud=cloud).order_by()
        tracked_here.update(rows.values_list("pk", flat=True))
    return _bring_back([row for pk, row in chosen.items() if pk in tracked_here], now, cloud)


def kept_of(ids: Iterable[str], *, access: Access) -> list[TrashedBackup]:
    """Returns what the trash keeps of these backups in the clouds that are open to somebody,
    without its content, the newest first.
    """
    kept: list[TrashedBackup] = []
    for batch in in_batches(list(ids)):
        rows = TrashedBackup.objects.filter(backup_id__in=batch).visible_to(access)
        kept += rows.order_by("-trashed_at", "-pk").defer("content", "search_text")
    return kept


def comes_to(kept: TrashedBackup, cloud: str) -> bool:
    """Tells whether it comes back when somebody adds it to this cloud."""
    if kept.cloud_id == cloud or kept.refreshed_at is None:
        return True
    return kept.cloud_id not in registry.configured()


def restore(pks: Sequence[int], now: datetime, *, access: Access) -> Restored:
    """Tracks again what these rows of the trash keep, those apart that lie in clouds which are not
    open. What was restored meanwhile is left out.
    """
    restored = Restored()
    with transaction.atomic():
        lock_clouds(_clouds_of(pks, access))
        # Read under the locks: another one may have restored some meanwhile.
        kept = _rows(pks, access)
        new = [
            Backup(id=row.backup_id, cloud_id=row.cloud_id, tracked_at=now, next_refresh_at=now)
            for row in sorted(kept, key=lambda row: row.backup_id)
        ]
        Backup.objects.bulk_create(new, ignore_conflicts=True, batch_size=IDS_PER_QUERY)
        clouds: dict[uuid.UUID, str] = {}
        for batch in in_batches([row.backup_id for row in kept]):
            rows = Backup.objects.filter(pk__in=batch).order_by()
            clouds.update(rows.values_list("pk", "cloud"))
        back: list[TrashedBackup] = []
        for row in kept:
            if clouds.get(row.backup_id) == row.cloud_id:
                back.append(row)
                restored.ids.append(str(row.backup_id))
            else:
                restored.elsewhere.append(Elsewhere(str(row.backup_id), row.name or ""))
        left_volumes = _bring_back(back, now)
        data_changed()
    derive(left_volumes, now)
    return restored


def derive(volumes_by_cloud: Mapping[str, Sequence[str]], now: datetime) -> None:
    """Brings the volumes up to date of which backups came back."""
    for cloud, volume_ids in volumes_by_cloud.items():
        volumes.derive(cloud, volume_ids, now)


def purge(now: datetime) -> int:
    """Deletes what is in the trash for too long; returns how many backups that are."""
    purged = 0
    while True:
        with transaction.atomic():
            rows = TrashedBackup.objects.too_old(now).order_by("pk")
            batch = list(rows.values_list("pk", "backup_id", "cloud")[:PURGED_AT_ONCE])
            acts = [Act(str(backup_id), cloud) for _, backup_id, cloud in batch]
            audit.note_many(Verb.BACKUP_PURGE, ObjectKind.BACKUP, acts, at=now)
            TrashedBackup.objects.filter(pk__in=[pk for pk, _, _ in batch]).delete()
            data_changed()
        purged += len(batch)
        if len(batch) < PURGED_AT_ONCE:
            return purged


def _clouds_of(pks: Sequence[int], access: Access) -> set[str]:
    clouds: set[str] = set()
    for batch in in_batches(pks):
        rows = TrashedBackup.objects.filter(pk__in=batch).visible_to(access).order_by()
        clouds.update(rows.values_list("cloud", flat=True).distinct())
    return clouds


def _rows(pks: Sequence[int], access: Access) -> list[TrashedBackup]:
    """Returns the rows without their content, the newest first: of a backup that was in two clouds
    the newest one comes back.
    """
    kept: list[TrashedBackup] = []
    for batch in in_batches(pks):
        rows = TrashedBackup.objects.filter(pk__in=batch).visible_to(access).order_by()
        kept += rows.defer("content", "search_text")
    kept.sort(key=lambda row: (row.trashed_at, row.pk), reverse=True)
    newest: dict[uuid.UUID, TrashedBackup] = {}
    for row in kept:
        newest.setdefault(row.backup_id, row)
    return list(newest.values())


def _kept_where_tracked(ids: Sequence[uuid.UUID]) -> list[TrashedBackup]:
    kept: list[TrashedBackup] = []
    for batch in in_batches(ids):
        clouds = dict(Backup.objects.filter(pk__in=batch).order_by().values_list("pk", "cloud"))
        rows = TrashedBackup.objects.filter(backup_id__in=batch).order_by("pk").defer("content")
        kept += [row for row in rows if row.cloud_id == clouds.get(row.backup_id)]
    return kept


def _bring_back(
    kept: Sequence[TrashedBackup], now: datetime, cloud: str | None = None
) -> dict[str, list[str]]:
    """Puts what is kept onto the rows that are tracked, and takes it out of the trash; all clouds
    are locked. `cloud`: the one that tracks them, each its own without it.

    Returns the IDs of the volumes to be derived, by cloud.
    """
    volumes_by_cloud: defaultdict[str, list[str]] = defaultdict(list)
    kept_by_cloud: defaultdict[str, list[TrashedBackup]] = defaultdict(list)
    for row in kept:
        kept_by_cloud[cloud or row.cloud_id].append(row)
    for name in sorted(kept_by_cloud):
        of_cloud = Cloud.objects.get(pk=name)
        seen_at: dict[str, datetime] = {}
        for batch in in_batches(kept_by_cloud[name], AT_ONCE):
            _bring_back_some(batch, of_cloud, seen_at, now)
        ids = sorted(seen_at)
        queue.mark(name, ids, now)
        _note_first_seen(name, seen_at)
        volumes_by_cloud[name] = ids
    return volumes_by_cloud


def _bring_back_some(
    batch: Sequence[TrashedBackup], cloud: Cloud, seen_at: dict[str, datetime], now: datetime
) -> None:
    texts = dict(
        TrashedBackup.objects.filter(pk__in=[kept.pk for kept in batch]).values_list(
            "pk", "content"
        )
    )
    ids = [kept.backup_id for kept in batch]
    locked = Backup.objects.filter(pk__in=ids, cloud=cloud).order_by("pk")
    rows = {row.pk: row for row in locked.select_for_update(of=("self",), no_key=True)}
    contents: dict[uuid.UUID, Content] = {}
    acts: list[Act] = []
    foreign: list[uuid.UUID] = []
    type_interpretation = registry.type_interpretation(cloud, registry.configured().get(cloud.name))
    for kept in batch:
        content = read(texts[kept.pk])
        row = rows[kept.backup_id]
        contents[row.pk] = content
        is_foreign = kept.cloud_id != cloud.name
        _merge(row, content.row, now, is_foreign=is_foreign)
        verdict = judge(
            inc=row.inc,
            type_=row.type,
            is_incremental=row.is_incremental,
            type_interpretation=type_interpretation,
        )
        row.kind = verdict.kind
        row.kind_source = verdict.source
        row.kind_conflict = verdict.conflict
        acts.append(Act(str(row.pk), cloud.name))
        if is_foreign:
            foreign.append(row.pk)
            acts.append(Act(str(row.pk), kept.cloud_id))
        if row.volume_id:
            first = content.volume_seen_at or now
            seen_at[row.volume_id] = min(first, seen_at.get(row.volume_id, first))
    names = [column.name for column in kept_columns(Backup)]
    changed = [[row.pk, *(getattr(row, name) for name in names)] for row in rows.values()]
    bulk.update(Backup, names, changed)
    _add_parts(contents)
    BackupTag.objects.replace({row.pk: row.tags for row in rows.values()})
    SearchText.objects.put(vars(row) for row in rows.values())
    moves.add_votes(Backup.objects.filter(pk__in=foreign), cloud.name)
    findings.note(rows, now)
    audit.note_many(Verb.BACKUP_RESTORE, ObjectKind.BACKUP, acts, at=now)
    TrashedBackup.objects.filter(pk__in=texts).delete()
    data_changed()


def _merge(row: Backup, kept: Mapping[str, Any], now: datetime, *, is_foreign: bool) -> None:
    """Puts what was kept onto a row that is tracked, as far as the row does not know better."""
    note = row.note or kept.get("note", "")
    tags = row.tags or kept.get("tags", [])
    version = max(row.version, kept.get("version", 1))
    tracked_at = min(row.tracked_at, kept.get("tracked_at", row.tracked_at))
    if row.refreshed_at is None:
        own: dict[str, object] = {"added_batch": row.added_batch}
        if is_foreign:
            own |= _OF_LAST_TRY
        if row.attempted_at is not None:
            own |= {name: getattr(row, name) for name in _OF_LAST_TRY}
        for name, value in {**kept, **own}.items():
            setattr(row, name, value)
        if {column.name for column in kept_columns(Backup)} - kept.keys():
            # The next answer is read whole: this version reads more of it than the one before did.
            row.digest = None
        row.claimed_until = None
    row.note = note
    row.tags = tags
    row.version = version
    row.tracked_at = tracked_at
    row.next_refresh_at = now


def _add_parts(contents: Mapping[uuid.UUID, Content]) -> None:
    """Adds the rows that hung on backups, those apart of which there is a newer one."""
    answered = set(Body.objects.filter(pk__in=list(contents)).values_list("pk", flat=True))
    oldest: dict[uuid.UUID, datetime] = {}
    revisions = Revision.objects.filter(backup__in=list(contents)).order_by("-at", "-pk")
    # The oldest comes last.
    oldest.update(revisions.values_list("backup", "at"))
    for model in PARTS:
        new = []
        for backup_id, content in contents.items():
            for part in content.parts[model]:
                if model is Body and backup_id in answered:
                    continue
                if model is Revision and backup_id in oldest and part["at"] >= oldest[backup_id]:
                    continue
                new.append(model(backup_id=backup_id, **part))
        model._default_manager.bulk_create(new, batch_size=IDS_PER_QUERY)


def _note_first_seen(cloud: str, seen_at: Mapping[str, datetime]) -> None:
    """Lets volumes be known since when they were before: else days of then would not count."""
    for batch in in_batches(sorted(seen_at)):
        changed = []
        rows = Volume.objects.filter(cloud=cloud, volume_id__in=batch)
        for pk, volume_id, first_seen_at in rows.values_list("pk", "volume_id", "first_seen_at"):
            if seen_at[volume_id] < first_seen_at:
                changed.append([pk, seen_at[volume_id]])
        bulk.update(Volume, ["first_seen_at"], changed)
        data_changed()
