"""The rows of one volume under two services of a project: which knows of which, and under which the
volume is counted.

Both rows are written in one transaction, so that no count ever sees a volume twice or not at all.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, OuterRef, Subquery

from backups.models import Cloud, Edit, Volume, VolumeTag
from backups.models.data_version import data_changed
from backups.shared.batches import in_batches
from backups.shared.locks import lock_volumes

# What operators set on a volume.
SETTINGS = (
    "label",
    "note",
    "tags",
    "follow",
    "exempt_reason",
    "exempt_until",
    "rule_period_seconds",
    "rule_grace_seconds",
    "rule_cron",
    "rule_zone",
    "version",
)


def place_all(counting: Cloud, other: Cloud) -> None:
    """Places the volumes of two clouds, in the transaction that stores which of them counts.

    What operators have set last on a row counts under both from then on.
    """
    names = (counting.name, other.name)
    list(lock_volumes(Volume.objects.filter(cloud__in=names)).values_list("pk", flat=True))
    for cloud, twin in ((counting, other), (other, counting)):
        ids = Volume.objects.filter(cloud=twin).values("volume_id")
        rows = Volume.objects.filter(cloud=cloud)
        counted_under = None if cloud is counting else counting.name
        rows.exclude(volume_id__in=ids).update(also_under=None, counted_under=None)
        rows.filter(volume_id__in=ids).update(also_under=twin.name, counted_under=counted_under)
    _take_over_settings(counting, other)
    data_changed()


def leave(cloud: str) -> None:
    """Places the volumes of a cloud that has no other service (any more)."""
    placed = Volume.objects.filter(cloud=cloud, also_under__isnull=False)
    list(lock_volumes(placed).values_list("pk", flat=True))
    placed.update(also_under=None, counted_under=None)
    data_changed()


def place_at_birth(cloud: str, new: Sequence[Volume]) -> None:
    """Sets on new rows, before they are created, that another one counts where the other service of
    the project shows the volume already. They are settled after that: nothing is locked for it.
    """
    other_service = Cloud.objects.values_list("other_service", flat=True).get(pk=cloud)
    if other_service is None:
        return
    row_by_id = {row.volume_id: row for row in new}
    for batch in in_batches(list(row_by_id)):
        shown_there = Volume.objects.filter(cloud=other_service, volume_id__in=batch)
        for volume_id in shown_there.values_list("volume_id", flat=True):
            row_by_id[volume_id].also_under = other_service
            row_by_id[volume_id].counted_under = other_service


def settle(cloud: str, now: datetime, *, among: Sequence[str] | None = None) -> None:
    """Places volumes of a cloud that the other service shows too, where that is not known yet, in a
    transaction of its own; they are derived again with the evidence of both. `among` None: all.
    """
    row = Cloud.objects.only("name", "other_service", "counts_disks").get(pk=cloud)
    if row.other_service is None:
        return
    counting = row.name if row.counts_disks else row.other_service
    names = (row.name, row.other_service)
    ids = _unsettled(row.name, row.other_service, counting, among)
    for batch in in_batches(ids):
        with transaction.atomic():
            rows = Volume.objects.filter(cloud__in=names, volume_id__in=batch)
            list(lock_volumes(rows).values_list("pk", flat=True))
            for name in names:
                twin = row.other_service if name == row.name else row.name
                rows.filter(cloud=name).update(
                    also_under=twin,
                    counted_under=None if name == counting else counting,
                    derive_at=now,
                    runs_judge_at=now,
                )
            data_changed()


def _unsettled(cloud: str, other: str, counting: str, among: Sequence[str] | None) -> list[str]:
    """Returns the IDs of volumes of both clouds of which a row is not placed as it should be."""
    volumes = Volume.objects.filter(cloud__in=(cloud, other))
    if among is not None:
        volumes = volumes.filter(volume_id__in=among)
    wrong: set[str] = set()
    seen: set[str] = set()
    both: set[str] = set()
    columns = ("cloud", "volume_id", "also_under", "counted_under")
    for name, volume_id, also_under, counted_under in volumes.values_list(*columns):
        twin = other if name == cloud else cloud
        if (also_under, counted_under) != (twin, None if name == counting else counting):
            wrong.add(volume_id)
        if volume_id in seen:
            both.add(volume_id)
        seen.add(volume_id)
    return sorted(wrong & both)


def forget(cloud: str, volume_ids: Iterable[str]) -> None:
    """Lets the rows of the other service count by themselves, once the rows here are gone: in a
    transaction of its own after the one that took them, for rows are locked in one order.
    """
    ids = list(volume_ids)
    transaction.on_commit(lambda: _forget(cloud, ids))


def _forget(cloud: str, volume_ids: Iterable[str]) -> None:
    here = Volume.objects.filter(cloud=cloud, volume_id=OuterRef("volume_id"))
    with transaction.atomic():
        rows = Volume.objects.filter(also_under=cloud, volume_id__in=list(volume_ids))
        alone = rows.annotate(here=Subquery(here.values("pk")[:1])).filter(here=None)
        pks = list(lock_volumes(alone).values_list("pk", flat=True))
        Volume.objects.filter(pk__in=pks).update(also_under=None, counted_under=None)
        data_changed()


def _take_over_settings(counting: Cloud, other: Cloud) -> None:
    """Copies what was set on rows of `other` to those under which the volumes are counted now,
    where nobody has set anything there later.
    """
    edited: Any = Volume.objects.filter(cloud=other, also_under=counting.name, version__gt=1)
    edited_at = _edited_at(counting, edited.values_list("volume_id", flat=True))
    for twin in edited.annotate(edited_at=Max("edits__at")).order_by("volume_id"):
        row = Volume.objects.get(cloud=counting, volume_id=twin.volume_id)
        last_at = edited_at.get(twin.volume_id)
        if last_at is not None and (twin.edited_at is None or twin.edited_at <= last_at):
            continue
        for column in SETTINGS:
            setattr(row, column, getattr(twin, column))
        row.save(update_fields=list(SETTINGS))
        VolumeTag.objects.replace({row.pk: row.tags})


def _edited_at(cloud: Cloud, volume_ids: Iterable[str]) -> dict[str, datetime]:
    edits = Edit.objects.filter(volume__cloud=cloud, volume__volume_id__in=list(volume_ids))
    newest = edits.order_by().values_list("volume__volume_id").annotate(at=Max("at"))
    return dict(newest)
