"""Which chains grow fastest: the newest chain of each disk, by what its size rose a day. One
query.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from backups.models import Backup, Volume

WINDOW = timedelta(days=30)
LEAST_POINTS, LEAST_SPAN = (
    3,
    timedelta(days=1),
)  # sizes that make a rate, and over how long: hours say nothing of days
_DAY = 86_400.0


@dataclass(frozen=True)
class Growing:
    """`mb_a_day` between the first and the last size of the chain; `points` is of how many
    sizes.
    """

    cloud: str
    volume_id: str
    title: str
    mb_a_day: float
    chain_size_mb: int
    since: datetime
    points: int


def fastest(now: datetime, most: int = 20) -> list[Growing]:
    """Copies and VM backups have chains of their own and are left out; so is what is gone."""
    rows: Any = Backup.objects.filter(
        created_at__gt=now - WINDOW,
        gone_at=None,
        chain_size_mb__isnull=False,
        volume_id__isnull=False,
    ).exclude(service_type__in=("vm", "disk_copy", "vm_copy"))
    columns = ("cloud", "volume_id", "created_at", "kind", "chain_size_mb")
    found = rows.order_by("cloud", "volume_id", "created_at", "id").values_list(*columns)
    grown = [
        one
        for volume, several in groupby(found, key=lambda row: row[:2])
        if (one := _growing(volume, several))
    ]
    grown.sort(key=lambda one: (-one.mb_a_day, one.cloud, one.volume_id))
    return _titled(grown[:most])


def _growing(volume: tuple[str, str], several: Iterable[tuple[Any, ...]]) -> Growing | None:
    chain: list[tuple[datetime, int]] = []
    for _, _, at, kind, mb in several:
        if kind == "full":
            chain = []
        chain.append((at, mb))
    length = chain[-1][0] - chain[0][0]
    if len(chain) < LEAST_POINTS or length < LEAST_SPAN:
        return None
    rate = (chain[-1][1] - chain[0][1]) / (length.total_seconds() / _DAY)
    return (
        Growing(volume[0], volume[1], volume[1], rate, chain[-1][1], chain[0][0], len(chain))
        if rate > 0
        else None
    )


def _titled(found: list[Growing]) -> list[Growing]:
    volumes = Volume.objects.filter(volume_id__in=[one.volume_id for one in found])
    names = {
        (cloud, pk): label or name
        for cloud, pk, label, name in volumes.values_list("cloud", "volume_id", "label", "name")
    }
    return [
        replace(one, title=names.get((one.cloud, one.volume_id)) or one.volume_id[:8])
        for one in found
    ]
