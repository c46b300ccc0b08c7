"""Backups by the volume that they are of, and what operators call those volumes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from backups.models import Access, Backup, Volume
from backups.reports.computed_once import computed_once
from backups.reports.data_version import Versions
from backups.vbs.folding import fold
from backups.vbs.id_spellings import stored_spellings


def backup_ids_of_volume(cloud: str, volume_id: str, *, access: Access) -> list[str]:
    rows = Backup.objects.visible_to(access).filter(cloud=cloud, volume_id=volume_id)
    return [str(pk) for pk in rows.values_list("pk", flat=True)]


def newest_backups_of_volume(
    cloud: str,
    volume_id: str,
    now: datetime,
    *,
    access: Access,
    fields: Sequence[str],
    limit: int,
    also_under: str | None = None,
) -> list[dict[str, Any]]:
    """Returns these fields, one of which may be `tracking_state`, of the newest backups.
    `also_under`: the cloud that shows the volume by another service; its backups stand among them,
    each once.
    """
    clouds = [cloud] if also_under is None else [cloud, also_under]
    rows = Backup.objects.visible_to(access).filter(cloud__in=clouds, volume_id=volume_id)
    if also_under is not None:
        rows = rows.counted(access)
    return list(rows.with_tracking_state(now).newest_first().values(*fields)[:limit])


def backups_made_between(
    volume_id: str,
    begin: datetime,
    end: datetime,
    now: datetime,
    *,
    access: Access,
    fields: Sequence[str],
    limit: int,
) -> tuple[list[dict[str, Any]], int]:
    """Returns these fields of the newest backups of a volume that were made from `begin` up to, not
    including, `end`, through all services that show it, and how many there are in all.
    """
    of_volume = Backup.objects.visible_to(access).filter(volume_id=volume_id)
    rows = of_volume.counted(access).filter(created_at__gte=begin, created_at__lt=end)
    newest = rows.with_tracking_state(now).newest_first().values(*fields)[:limit]
    return list(newest), rows.count()


def count_backups_of_unknown_origin(*, access: Access, versions: Versions | None = None) -> int:
    """Counts them, with `versions` once for all who may see the same clouds."""
    backups = Backup.objects.visible_to(access).of_unknown_origin()
    return computed_once(
        "unknown-origin",
        backups.count,
        version=versions.content if versions else None,
        access=access,
    )


def volume_names(
    volumes: Iterable[tuple[str, str | None]], *, access: Access
) -> dict[tuple[str, str], str]:
    """Returns the label, else the name in the cloud, of these volumes (cloud, volume_id), in one
    query. Those without either are left out.
    """
    wanted = {(cloud, volume_id) for cloud, volume_id in volumes if volume_id}
    clouds = sorted({cloud for cloud, _ in wanted})
    volume_ids = sorted({volume_id for _, volume_id in wanted})
    rows = Volume.objects.visible_to(access).filter(cloud__in=clouds, volume_id__in=volume_ids)
    rows = rows.exclude(Q(label=None) & Q(name=None))
    names = {}
    for cloud, volume_id, label, name in rows.values_list("cloud", "volume_id", "label", "name"):
        title = label or name
        # Two clouds may give the same ID to different volumes.
        if title and (cloud, volume_id) in wanted:
            names[cloud, volume_id] = title
    return names


def volumes_meant(cloud: str, text: str, *, access: Access) -> list[tuple[str, str]]:
    """Returns the volumes (volume_id, what it is called) of a cloud that a text may mean: the one
    that has this ID; without one, those whose label or name it is; else those whose label or name
    holds it.
    """
    ids = set(stored_spellings(text))
    searched = fold(text)
    rows = Volume.objects.visible_to(access).filter(cloud=cloud).order_by("label", "name", "pk")
    equal = []
    holding = []
    for volume_id, label, name in rows.values_list("volume_id", "label", "name"):
        meant = (volume_id, label or name or volume_id)
        if volume_id in ids:
            return [meant]
        texts = [fold(label or ""), fold(name or "")]
        if searched in texts:
            equal.append(meant)
        elif any(searched in folded for folded in texts):
            holding.append(meant)
    return equal or holding
