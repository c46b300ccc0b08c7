"""Stores what kind the first backups of volumes are in CBR, of which the flag of the answer says
nothing (analysis/first_backup.py). It is no change of the cloud's, so no revision tells of it.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from backups.analysis import first_backup
from backups.models import Backup, Cloud
from backups.models.data_version import data_changed
from backups.shared import bulk
from backups.shared.batches import in_batches
from backups.shared.locks import lock_cloud


class _Known(NamedTuple):
    """Columns of one backup, under their own names."""

    id: uuid.UUID
    volume_id: str | None
    status: str | None
    kind: str
    kind_source: str | None
    is_incremental: bool | None
    created_at: datetime | None
    data_timestamp: datetime | None
    tracked_at: datetime

    @property
    def at(self) -> datetime:
        return self.created_at or self.data_timestamp or self.tracked_at


def corrected(cloud: Cloud, volume_ids: Sequence[str]) -> dict[uuid.UUID, str]:
    """Returns the kinds that differ from the stored ones; no query but in CBR. Only what the same
    service has of a volume counts as older: no other one has a part in its increments.
    """
    kinds: dict[uuid.UUID, str] = {}
    if cloud.type_interpretation != "cbr":
        return kinds
    backups = Backup.objects.filter(cloud=cloud, volume_id__in=volume_ids).order_by()
    by_volume: defaultdict[str | None, list[_Known]] = defaultdict(list)
    flagged: set[uuid.UUID] = set()
    for columns in bulk.rows(backups, _Known._fields):
        backup = _Known._make(columns)
        by_volume[backup.volume_id].append(backup)
        if backup.is_incremental and backup.kind_source == "is_incremental":
            flagged.add(backup.id)
    for known in by_volume.values():
        by_id = first_backup.kinds(known, flagged)
        for backup in known:
            kind = by_id.get(backup.id, backup.kind)
            if kind != backup.kind:
                kinds[backup.id] = kind
    return kinds


def write(cloud: str, kinds: Mapping[uuid.UUID, str]) -> None:
    """Stores them, in a transaction of its own: whoever holds volumes locks no backup."""
    if not kinds:
        return
    ids_by_kind: defaultdict[str, list[uuid.UUID]] = defaultdict(list)
    for pk, kind in kinds.items():
        ids_by_kind[kind].append(pk)
    with transaction.atomic():
        lock_cloud(cloud)
        for kind, ids in ids_by_kind.items():
            for batch in in_batches(ids):
                rows = Backup.objects.filter(pk__in=batch, cloud=cloud)
                # An answer that came meanwhile may say otherwise.
                rows.filter(is_incremental=True, kind_source="is_incremental").update(kind=kind)
        data_changed()
