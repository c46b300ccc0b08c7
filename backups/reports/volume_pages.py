"""The list of volumes as the web page shows it, and all that one selection of it holds."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count

from backups.models import Access, Volume
from backups.query.list_query import ListQuery
from backups.query.page import Pages
from backups.query.volumes import VOLUMES
from backups.reports.computed_once import computed_once
from backups.reports.data_version import Versions
from backups.reports.list_results import kept_results
from backups.reports.volumes import VolumeState, volume_states


def volume_pages(
    selection: ListQuery, now: datetime, *, access: Access, versions: Versions | None = None
) -> Pages:
    """With `versions` what is on a page is found once for all who may see the same clouds."""
    rows = Volume.objects.visible_to(access).counted(access)
    rows = rows.with_protection(now).with_schedule(now)
    kept = kept_results(VOLUMES, selection, versions, access=access)
    return Pages(VOLUMES, selection, now, rows=rows, kept=kept)


def volume_keys(selection: ListQuery, now: datetime, *, access: Access) -> list[tuple[str, str]]:
    """Returns cloud and ID of every volume of a selection, in no order."""
    matching = volume_pages(selection, now, access=access).matching
    return list(matching.values_list("cloud", "volume_id"))


def volume_states_by_pk(
    pks: Iterable[int], now: datetime, *, access: Access, versions: Versions | None = None
) -> list[VolumeState]:
    """Returns the states of these volumes, in no order."""
    volumes = Volume.objects.filter(pk__in=list(pks))
    return volume_states(volumes, now, access=access, versions=versions)


def volume_state(
    cloud: str, volume_id: str, now: datetime, *, access: Access
) -> VolumeState | None:
    """Returns one volume with its chains, in two queries; None when it is not known."""
    rows = Volume.objects.filter(cloud=cloud, volume_id=volume_id)
    states = volume_states(rows, now, access=access)
    return states[0] if states else None


def count_volumes_by_protection(
    now: datetime, *, access: Access, versions: Versions | None = None
) -> dict[str, int]:
    """Counts the volumes in one query, with `versions` once for all who may see the same clouds; a
    state that none is in is left out.
    """
    return computed_once(
        "volumes-by-protection",
        lambda: _count_volumes_by_protection(now, access),
        version=versions.content if versions else None,
        access=access,
    )


def _count_volumes_by_protection(now: datetime, access: Access) -> dict[str, int]:
    # The annotation `protection` is no field that the type checker knows.
    counted = Volume.objects.visible_to(access).counted(access)
    rows: Any = counted.with_protection(now).order_by()
    return dict(rows.values_list("protection").annotate(n=Count("pk")))
