"""Stores what is found out about changed backups: the cause of a failure,
the outcome, the progress.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction

from backups.analysis import causes, running
from backups.analysis.facts import outcome
from backups.analysis.running import RunningBackup
from backups.models import Backup, Cause
from backups.models.data_version import data_changed
from backups.shared.batches import in_batches
from backups.shared.locks import lock_cloud
from backups.vbs.statuses import MAKING

_COLUMNS = (
    "id",
    "cloud",
    "volume_id",
    "kind",
    "status",
    "progress",
    "fail_reason",
    "created_at",
    "refreshed_at",
    "gone_at",
    # What is stored so far.
    "cause",
    "outcome",
    "running",
    "stuck_at",
)
_FINISHED_PER_VOLUME = 20  # finished backups that tell how long one takes

Row = Mapping[str, Any]  # the columns above; Django's values() has no narrower type


class _Finding(NamedTuple):
    cause: str | None
    outcome: str | None


class _Sort(NamedTuple):
    """Backups of one sort take about equally long."""

    cloud: str
    volume_id: str | None
    kind: str

    @classmethod
    def of(cls, row: Row) -> "_Sort":
        return cls(row["cloud"], row["volume_id"], row["kind"])


def note(ids: Iterable[uuid.UUID], now: datetime) -> int:
    """Stores what is found about these backups; returns how many rows changed.

    It takes two queries and one more for each distinct finding.
    """
    changed = 0
    for batch in in_batches(list(ids)):
        rows = list(Backup.objects.filter(pk__in=batch).order_by("pk").values(*_COLUMNS))
        changed += _write_running(rows, now)
        changed += _write_findings(rows)
    if changed:
        data_changed()
    return changed


def note_all(cloud: str, now: datetime) -> int:
    """Does the same for every backup of a cloud, after the rules by which things
    are found have changed.
    """
    with transaction.atomic():
        lock_cloud(cloud)
        return note(Backup.objects.filter(cloud=cloud).order_by().values_list("pk", flat=True), now)


def _write_findings(rows: Sequence[Row]) -> int:
    """Writes causes and outcomes that are new, equal ones together: most backups of a batch are
    good and say nothing else.
    """
    ids_by_finding: defaultdict[_Finding, list[uuid.UUID]] = defaultdict(list)
    causes_by_key: dict[str, Cause] = {}
    changed = 0
    for row in rows:
        cause = None
        if row["gone_at"] is None:
            cause = causes.cause(status=row["status"], reason=row["fail_reason"])
        if cause is not None and cause.key not in causes_by_key:
            causes_by_key[cause.key] = Cause(
                key=cause.key, state=cause.state, code=cause.code, text=cause.text
            )
        finding = _Finding(
            cause=None if cause is None else cause.key,
            outcome=outcome(row["outcome"], row["status"]),
        )
        if finding != _Finding(row["cause"], row["outcome"]):
            ids_by_finding[finding].append(row["id"])
            changed += 1
    # In one order for all writers.
    new_causes = sorted(causes_by_key.values(), key=lambda cause: cause.key)
    Cause.objects.bulk_create(new_causes, ignore_conflicts=True, batch_size=250)
    for finding, ids in ids_by_finding.items():
        Backup.objects.filter(pk__in=ids).update(cause=finding.cause, outcome=finding.outcome)
    return changed


def _write_running(rows: Sequence[Row], now: datetime) -> int:
    """Writes how far backups in flight are, where that has changed."""
    usual_lengths = _usual_lengths(rows)
    changed: list[Backup] = []
    for row in rows:
        observed = running.observe(
            RunningBackup.of_json(row["running"]),
            status=None if row["gone_at"] else row["status"],
            progress=row["progress"],
            created_at=row["created_at"],
            at=row["refreshed_at"] or now,
            usual=usual_lengths.get(_Sort.of(row)) if row["status"] in MAKING else None,
        )
        if observed is None:
            as_json = None
            stuck_at = None
        else:
            as_json = observed.as_json()
            stuck_at = running.stuck_at(observed)
        if as_json != row["running"] or stuck_at != row["stuck_at"]:
            changed.append(Backup(pk=row["id"], running=as_json, stuck_at=stuck_at))
    Backup.objects.bulk_update(changed, ["running", "stuck_at"], batch_size=100)
    return len(changed)


def _usual_lengths(rows: Sequence[Row]) -> dict[_Sort, timedelta]:
    """Returns how long backups take of the volumes of which one is being made.

    It takes one query if there are any, none else.
    """
    volume_ids: set[str] = set()
    for row in rows:
        if row["status"] in MAKING and row["volume_id"]:
            volume_ids.add(row["volume_id"])
    if not volume_ids:
        return {}
    finished = Backup.objects.filter(
        volume_id__in=volume_ids, outcome="good", created_at__isnull=False
    ).order_by("-created_at")
    columns = ("cloud", "volume_id", "kind", "created_at", "updated_at")
    spans_by_sort: defaultdict[_Sort, list[tuple[datetime | None, datetime | None]]]
    spans_by_sort = defaultdict(list)
    for row in finished.values(*columns):
        spans = spans_by_sort[_Sort.of(row)]
        if len(spans) < _FINISHED_PER_VOLUME:
            spans.append((row["created_at"], row["updated_at"]))
    lengths: dict[_Sort, timedelta] = {}
    for sort, spans in spans_by_sort.items():
        length = running.usual(spans)
        if length is not None:
            lengths[sort] = length
    return lengths
