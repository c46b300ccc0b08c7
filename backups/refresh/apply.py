"""Stores a batch of answers in one transaction.

It is idempotent, and an answer older than the stored one is ignored. Unchanged backups cost one
UPDATE of their times for the whole batch. Changed ones cost one more, one upsert of their bodies
and one INSERT of their revisions.
"""

import json
import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from backups.analysis.facts import Fact
from backups.clouds import cloud_health, registry
from backups.clouds.cloud_health import CallResult
from backups.derived import findings, queue
from backups.models import Backup, Body, Cloud, Revision, SearchText
from backups.models.data_version import data_changed, data_touched
from backups.models.search import SEARCHED, folded, names_of_volumes
from backups.refresh import children, plan, services, type_interpretation
from backups.refresh.claims import Claim, release
from backups.refresh.diff import DECODED_COLUMNS, Difference
from backups.refresh.plan import (
    STORED_COLUMNS,
    ChangedBackup,
    FailedBackup,
    FailureValues,
    Fetched,
    StoredBackup,
    TrackingValues,
)
from backups.shared import bulk, clock
from backups.shared.batches import in_batches
from backups.shared.locks import lock_cloud
from backups.vbs.kind import vote
from backups.vbs.statuses import IN_FLIGHT, RESTORABLE

logger = logging.getLogger(__name__)

_REVISION_COLUMNS = ("backup", "at", "changes", "body", "keep")
_BODY_COLUMNS = ("backup", "received_at", "http_status", "text")
_SEARCH_COLUMNS = ("backup", "text")

# A change in one of these columns makes something derived be computed again. Of `updated_at` see
# _moves_its_volume.
_COLUMNS_OF_VOLUMES = frozenset({*Fact._fields, "fail_reason", "tracking_state"}) - {"updated_at"}
_COLUMNS_OF_FINDINGS = frozenset({"status", "fail_reason", "tracking_state"})

# Entries of a list may have these keys empty where the single answer has them filled.
_KEYS_FILLED_LATE = ("service_metadata", "os-bak-tenant-attr:tenant_id", "children")


@dataclass
class Applied:
    """What became of a batch.

    `good` answers were stored. `doubtful` are backups whose list entries would have erased what is
    stored: they have to be asked about singly.
    """

    good: int = 0
    doubtful: list[uuid.UUID] = field(default_factory=list)


def apply(
    cloud_name: str,
    fetched: Sequence[Fetched],
    *,
    claim: Claim | None = None,
    calls: Iterable[CallResult] | None = None,
    more_follows: bool = False,
) -> Applied:
    """Stores answers and failures, and what they tell of the cloud.

    `calls` are those behind them, one or more, where one call brought many answers; by default
    each of `fetched` was a call. `claim` is released in the same transaction. With `more_follows`
    the caller derives the volumes after several batches (`queue.derive_due`).
    """
    results = _call_results(cloud_name, fetched) if calls is None else list(calls)
    if not results:
        return Applied()
    now = max(result.asked_at for result in results)
    with transaction.atomic():
        cloud = lock_cloud(cloud_name)
        state_before = cloud_health.state_of(cloud)
        cloud_health.note(cloud, results, now)
        fetched = children.with_children(cloud_name, services.without_foreign(cloud, fetched))
        batch = _Batch(cloud, fetched)
        batch.write()
        children.settle(cloud_name, fetched, now)
        if cloud_health.state_of(cloud) != state_before:
            batch.has_changes = True
        if claim is not None:
            release(claim, list(batch.fetched))
        cloud.save(
            update_fields=[*cloud_health.COLUMNS, "seen_vbs", "type_votes_0", "type_votes_1"]
        )
        findings.note(batch.backups_to_analyse, now)
        queue.mark(cloud_name, batch.volumes_to_derive, now)
        if batch.has_changes:
            data_changed()
        else:
            data_touched()
    if fetched:
        type_interpretation.ensure(cloud_name, now)
    if not more_follows:
        queue.derive_due(cloud_name, now)
    return batch.applied


def _call_results(cloud: str, fetched: Sequence[Fetched]) -> list[CallResult]:
    """Returns what single answers tell of the cloud.

    A 401 in spite of a new token says something of one backup only, until a second backup gets it
    and none gets a good answer.
    """
    refused = [answer for answer in fetched if answer.after_new_sign_in]
    blames_one_backup = bool(refused) and not _is_cloud_refusing(cloud, refused)
    results = []
    for answer in fetched:
        of_one_backup = blames_one_backup and answer.after_new_sign_in
        results.append(CallResult(answer.requested_at, answer.error, of_one_backup))
    return results


def _is_cloud_refusing(cloud: str, refused: Sequence[Fetched]) -> bool:
    """Were two backups or more refused since the last good answer, with those of this batch?"""
    if any(answer.others_answered for answer in refused):
        return False
    if len(refused) > 1:
        return True
    others = Backup.objects.filter(cloud=cloud, error__class="unauthorized")
    others = others.exclude(pk=refused[0].id)
    last_good_at = Cloud.objects.values_list("last_good_at", flat=True).get(pk=cloud)
    if last_good_at is not None:
        others = others.filter(attempted_at__gt=last_good_at)
    return others.exists()


class _Batch:
    """Writes the backups of one transaction, table by table."""

    def __init__(self, cloud: Cloud, fetched: Sequence[Fetched]) -> None:
        self._cloud = cloud
        self._landed_at = clock.now()
        self.fetched = {answer.id: answer for answer in fetched}
        self._type_interpretation = registry.type_interpretation(
            cloud, registry.configured().get(cloud.name)
        )
        self.applied = Applied()
        # Else each backup was fresh and without trouble, and its answer equal to what is stored.
        self.has_changes = False
        self.backups_to_analyse: list[uuid.UUID] = []
        self.volumes_to_derive: set[str | None] = set()

    def write(self) -> None:
        unchanged: list[bulk.Row] = []
        changed: list[StoredBackup] = []
        failed: list[FailedBackup] = []
        for stored in self._read_stored():
            fetched = self.fetched[stored.id]
            if plan.is_outdated(stored, fetched):
                continue
            if fetched.answer is None:
                failed.append(plan.failed(stored, fetched))
            elif plan.is_changed(stored, fetched.answer):
                changed.append(stored)
            else:
                values = plan.values_if_unchanged(stored, fetched.requested_at)
                unchanged.append((stored.id, *values))
                if not plan.was_fresh(stored, self._landed_at):
                    self.has_changes = True
        if failed or changed:
            self.has_changes = True
        bulk.update(Backup, TrackingValues._fields, unchanged)
        self.applied.good += len(unchanged)
        self._write_failed(failed)
        for batch in in_batches(changed):
            self._write_changed(batch)

    def _read_stored(self) -> Iterator[StoredBackup]:
        for batch in in_batches(list(self.fetched)):
            rows = Backup.objects.filter(pk__in=batch, cloud=self._cloud).order_by("pk")
            for *columns, due_at in bulk.rows(rows, STORED_COLUMNS):
                requested_at = self.fetched[columns[0]].requested_at
                is_requested = plan.is_refresh_requested(due_at, requested_at, self._landed_at)
                yield StoredBackup(*[*columns, due_at if is_requested else None])

    def _write_failed(self, failed: Sequence[FailedBackup]) -> None:
        bulk.update(
            Backup, FailureValues._fields, [(backup.id, *backup.values) for backup in failed]
        )
        revisions: list[bulk.Row] = []
        gone: list[uuid.UUID] = []
        for backup in failed:
            if backup.difference is not None:
                gone.append(backup.id)
                revisions.append(self._revision(backup.id, backup.difference))
        bulk.insert(Revision, _REVISION_COLUMNS, revisions)
        if gone:
            children.ask_about(self._cloud.name, gone, self._landed_at)
            self.backups_to_analyse += gone
            volume_ids = Backup.objects.filter(pk__in=gone).order_by()
            self.volumes_to_derive.update(volume_ids.values_list("volume_id", flat=True))

    def _write_changed(self, batch: Sequence[StoredBackup]) -> None:
        rows = Backup.objects.filter(pk__in=[stored.id for stored in batch]).order_by()
        before: dict[uuid.UUID, dict[str, Any]] = {}
        for pk, *columns in bulk.rows(rows, ["pk", *DECODED_COLUMNS]):
            before[pk] = dict(zip(DECODED_COLUMNS, columns, strict=True))
        bodies = self._read_bodies(batch)
        changed: list[ChangedBackup] = []
        for stored in batch:
            fetched = self.fetched[stored.id]
            answer = fetched.answer
            if answer is None or (fetched.listed and _erases(answer.raw, bodies.get(stored.id))):
                self.applied.doubtful.append(stored.id)
                continue
            changed.append(
                plan.changed(
                    stored,
                    None if stored.refreshed_at is None else before[stored.id],
                    answer,
                    fetched.requested_at,
                    type_interpretation=self._type_interpretation,
                )
            )
        if changed:
            self._write_columns(changed)
            self._write_bodies(changed)
            self._write_search_texts(changed)
            self._write_revisions(changed)
            self._note_what_depends(changed, before)
            self._count_votes(changed, before)
            self.applied.good += len(changed)

    def _read_bodies(self, batch: Sequence[StoredBackup]) -> dict[uuid.UUID, str]:
        """Returns the stored bodies that an entry of a list must not fall short of."""
        ids = []
        for stored in batch:
            is_listed = self.fetched[stored.id].listed
            if is_listed and stored.refreshed_at is not None:
                ids.append(stored.id)
        return dict(Body.objects.filter(pk__in=ids).values_list("pk", "text")) if ids else {}

    def _write_columns(self, changed: Sequence[ChangedBackup]) -> None:
        """Of the decoded columns, writes those that changed in some backup: on each lie
        one or two indexes.
        """
        columns_changed: set[str] = set()
        for backup in changed:
            columns_changed |= set(DECODED_COLUMNS) if backup.is_first else backup.changed_columns
        decoded = [column for column in DECODED_COLUMNS if column in columns_changed]
        columns = [*TrackingValues._fields, "digest", *decoded]
        bulk.update(Backup, columns, [backup.row(columns) for backup in changed])

    def _write_bodies(self, changed: Sequence[ChangedBackup]) -> None:
        rows: list[bulk.Row] = []
        for backup in changed:
            fetched = self.fetched[backup.id]
            rows.append((backup.id, fetched.requested_at, fetched.http_status, backup.body))
        bulk.insert(Body, _BODY_COLUMNS, rows, replace=True)

    def _write_search_texts(self, changed: Sequence[ChangedBackup]) -> None:
        searched = [backup for backup in changed if _is_searched_otherwise(backup)]
        cloud = self._cloud.name
        names = names_of_volumes((cloud, backup.values["volume_id"]) for backup in searched)
        rows: list[bulk.Row] = []
        for backup in searched:
            names_of_volume = names.get((cloud, backup.values["volume_id"]), ())
            text = folded({**backup.values, "id": backup.id}, names=names_of_volume)
            rows.append((backup.id, text))
        bulk.insert(SearchText, _SEARCH_COLUMNS, rows, replace=True)

    def _write_revisions(self, changed: Sequence[ChangedBackup]) -> None:
        revisions: list[bulk.Row] = []
        for backup in changed:
            difference = backup.difference
            if difference is not None:
                revisions.append(self._revision(backup.id, difference, body=backup.body))
        bulk.insert(Revision, _REVISION_COLUMNS, revisions)

    def _note_what_depends(
        self, changed: Sequence[ChangedBackup], before: Mapping[uuid.UUID, Mapping[str, Any]]
    ) -> None:
        for backup in changed:
            if _moves_its_volume(backup):
                # It may have another volume now.
                self.volumes_to_derive.add(backup.values["volume_id"])
                self.volumes_to_derive.add(before[backup.id]["volume_id"])
            if _may_change_findings(backup):
                self.backups_to_analyse.append(backup.id)
            if backup.is_vbs:
                self._cloud.seen_vbs = True

    def _count_votes(
        self, changed: Sequence[ChangedBackup], before: Mapping[uuid.UUID, Mapping[str, Any]]
    ) -> None:
        """Adds the votes of the new answers, and takes those of the old ones away."""
        type_votes_0 = self._cloud.type_votes_0
        type_votes_1 = self._cloud.type_votes_1
        for backup in changed:
            old = vote(inc=before[backup.id]["inc"], type_=before[backup.id]["type"])
            new = vote(inc=backup.values["inc"], type_=backup.values["type"])
            type_votes_0 += new.zero - old.zero
            type_votes_1 += new.one - old.one
        self._cloud.type_votes_0 = max(0, type_votes_0)
        self._cloud.type_votes_1 = max(0, type_votes_1)

    def _revision(
        self, backup_id: uuid.UUID, difference: Difference, body: str | None = None
    ) -> bulk.Row:
        at: datetime = self.fetched[backup_id].requested_at
        stored_body = body if difference.needs_body else None
        return (backup_id, at, difference.changes, stored_body, difference.is_never_pruned)


def _erases(entry: Mapping[str, object], body: str | None) -> bool:
    """Has a list entry less than the stored answer had?

    Lists may lack keys, or fill them later than single answers do, or never (API.md §1.1, §6,
    §12.3).
    """
    if body is None:
        return False
    stored: dict[str, object] = json.loads(body)
    if not stored.keys() <= entry.keys():
        return True
    return any(stored.get(key) and not entry.get(key) for key in _KEYS_FILLED_LATE)


def _moves_its_volume(backup: ChangedBackup) -> bool:
    """Did a column change from which volumes are derived?

    Of a running backup `updated_at` changes with each answer, and says nothing of the volume.
    """
    if not _COLUMNS_OF_VOLUMES.isdisjoint(backup.changed_columns):
        return True
    return "updated_at" in backup.changed_columns and backup.values["status"] in RESTORABLE


def _is_searched_otherwise(backup: ChangedBackup) -> bool:
    return backup.is_first or not backup.changed_columns.isdisjoint(SEARCHED)


def _may_change_findings(backup: ChangedBackup) -> bool:
    """Findings read the state, the reason, and the progress of what is in flight."""
    if backup.values["status"] in IN_FLIGHT:
        return True
    return not _COLUMNS_OF_FINDINGS.isdisjoint(backup.changed_columns)
