"""Which chains grow fastest: the newest chain of each volume, by what its size rose a day."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from backups.models import Access, Backup, Volume

WINDOW = timedelta(days=30)
# Sizes that make a rate, and over how long: hours say nothing of days.
LEAST_POINTS = 3
LEAST_SPAN = timedelta(days=1)


@dataclass(frozen=True)
class GrowingChain:
    """`mb_a_day` between the first and the last size of the chain; `points` is
    of how many sizes.
    """

    cloud: str
    volume_id: str
    title: str
    mb_a_day: float
    chain_size_mb: int
    since: datetime
    points: int


class _Size(NamedTuple):
    """The size of a chain as one of its backups tells it. A tuple, because each backup of the
    window is read.
    """

    cloud: str
    volume_id: str
    created_at: datetime
    kind: str
    chain_size_mb: int


def fastest(now: datetime, *, access: Access, most: int = 20) -> list[GrowingChain]:
    """Copies and VM backups have chains of their own and are left out; so is what
    is gone. Two queries.
    """
    backups = (
        Backup.objects.visible_to(access)
        .filter(
            created_at__gt=now - WINDOW,
            gone_at=None,
            chain_size_mb__isnull=False,
            volume_id__isnull=False,
        )
        .exclude(service_type__in=("vm", "disk_copy", "vm_copy"))
    )
    rows = backups.order_by("cloud", "volume_id", "created_at", "id").values_list(*_Size._fields)
    sizes = map(_Size._make, rows)
    chains = []
    for _, sizes_of_volume in groupby(sizes, key=attrgetter("cloud", "volume_id")):
        chain = _growing_chain(sizes_of_volume)
        if chain is not None:
            chains.append(chain)
    chains.sort(key=lambda chain: (-chain.mb_a_day, chain.cloud, chain.volume_id))
    return _with_titles(chains[:most], access)


def _growing_chain(sizes_of_volume: Iterable[_Size]) -> GrowingChain | None:
    """Returns the newest chain of a volume, if it is long enough to tell a rate and grows."""
    chain: list[_Size] = []
    for size in sizes_of_volume:
        if size.kind == "full":
            chain = []
        chain.append(size)
    first = chain[0]
    last = chain[-1]
    length = last.created_at - first.created_at
    if len(chain) < LEAST_POINTS or length < LEAST_SPAN:
        return None
    mb_a_day = (last.chain_size_mb - first.chain_size_mb) / (length / timedelta(days=1))
    if mb_a_day <= 0:
        return None
    return GrowingChain(
        cloud=last.cloud,
        volume_id=last.volume_id,
        title=last.volume_id,
        mb_a_day=mb_a_day,
        chain_size_mb=last.chain_size_mb,
        since=first.created_at,
        points=len(chain),
    )


def _with_titles(chains: list[GrowingChain], access: Access) -> list[GrowingChain]:
    volume_ids = [chain.volume_id for chain in chains]
    volumes = Volume.objects.visible_to(access).filter(volume_id__in=volume_ids)
    names: dict[tuple[str, str], str | None] = {}
    for cloud, volume_id, label, name in volumes.values_list("cloud", "volume_id", "label", "name"):
        names[cloud, volume_id] = label or name
    titled = []
    for chain in chains:
        title = names.get((chain.cloud, chain.volume_id)) or chain.volume_id[:8]
        titled.append(replace(chain, title=title))
    return titled
