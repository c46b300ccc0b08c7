"""All counts of the home page in one query.

Its parts are counted by indexes: statuses by theirs, and of tracking states only those that are few, the fresh ones
being the rest. Grouping all backups by a CASE takes three times as long as the whole page may.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, DateTimeField, F, Min, Q, QuerySet, Sum, TextField, Value
from django.db.models.functions import Cast, Coalesce

from backups.analysis.growth import Change
from backups.analysis.outcomes import Tally
from backups.models import Backup, Quarter, StoredDay, Volume
from backups.models.backup import IN_FLIGHT


@dataclass
class Protected:
    """Disks of one cloud and one word; `since`: when the first of them became overdue."""

    count: int
    since: datetime | None


@dataclass
class Numbers:
    by_status: dict[str | None, int] = field(default_factory=dict)
    gone: int = 0
    pending: int = 0
    in_flight: int = 0
    stale: Counter[str] = field(default_factory=Counter)  # by cloud
    volumes: dict[tuple[str, str], Protected] = field(default_factory=dict)  # by cloud and protection
    chain_size_mb: int = 0
    quarters: dict[int, Tally] = field(default_factory=dict)
    days: dict[int, Change] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.by_status.values())

    @property
    def by_tracking_state(self) -> dict[str, int]:
        """Only states that there are."""
        stale = self.stale.total()
        fresh = self.total - self.gone - self.pending - stale
        given = {"pending": self.pending, "fresh": fresh, "stale": stale, "gone": self.gone}
        return {state: n for state, n in given.items() if n}


def count(
    now: datetime,
    *,
    heard: Sequence[str],
    clouds: Sequence[str] | None,
    first_quarter: int,
    listed: Mapping[str, int],
) -> Numbers:
    """`heard`: the clouds that gave a good answer lately; `clouds`: only these, all with None.

    `listed`: the quarter up to which every new backup of a cloud is known. What is later may not have been missed.
    """
    numbers = Numbers()
    parts = _parts(now, heard, clouds, first_quarter, listed)
    for part, text, cloud, number, at, *sums in parts[0].union(*parts[1:], all=True):
        n, m, k = (int(one or 0) for one in sums)
        if part == "status":
            numbers.by_status[text] = n
        elif part == "volumes":
            numbers.volumes[cloud, text] = Protected(n, at)
            numbers.chain_size_mb += m
        elif part == "quarters":
            numbers.quarters[number] = Tally(n, m, k)
        elif part == "days":
            numbers.days[number] = Change(n, m, k)
        elif part == "stale":
            numbers.stale[cloud] += n
        else:
            setattr(numbers, part, n)
    return numbers


def _parts(
    now: datetime, heard: Sequence[str], clouds: Sequence[str] | None, first: int, listed: Mapping[str, int]
) -> list[Any]:
    mine = Q() if clouds is None else Q(cloud__in=clouds)
    backups = Backup.objects.filter(mine).order_by()
    there = backups.filter(gone_at__isnull=True)
    seen = there.filter(stale_at__isnull=False)
    volumes = Volume.objects.filter(mine).with_protection(now).order_by()
    n, none = Count("pk"), Value(0)
    by_word = {"text": F("protection"), "cloud": F("cloud")}
    overdue = Min(Coalesce("overdue_at", "first_seen_at"))
    quarters = Quarter.objects.filter(mine, quarter__gte=first).order_by()
    proven = Q(pk__in=[])
    for cloud, until in listed.items():
        proven |= Q(cloud=cloud, quarter__lt=until)
    missed = Coalesce(Sum("missed", filter=proven), 0)
    days = StoredDay.objects.filter(mine).order_by()
    return [
        _part(volumes, "volumes", **by_word, at=overdue, sums=(n, Sum("chain_size_mb"), none)),
        _part(backups, "status", text=F("status"), sums=(n, none, none)),
        _part(backups.filter(gone_at__isnull=False), "gone", sums=(n, none, none)),
        _part(there.filter(refreshed_at__isnull=True), "pending", sums=(n, none, none)),
        _part(seen.filter(status__in=IN_FLIGHT, stale_at__gt=now, cloud__in=heard), "in_flight", sums=(n, none, none)),
        _part(seen.filter(stale_at__lte=now, cloud__in=heard), "stale", cloud=F("cloud"), sums=(n, none, none)),
        _part(seen.exclude(cloud__in=heard), "stale", cloud=F("cloud"), sums=(n, none, none)),
        _part(quarters, "quarters", number=F("quarter"), sums=(Sum("good"), Sum("failed"), missed)),
        _part(days, "days", number=F("day"), sums=(Sum("mb"), Sum("backups"), Sum("gb"))),
    ]


def _part(
    rows: "QuerySet[Any]",
    part: str,
    *,
    sums: tuple[Any, Any, Any],
    text: Any = None,
    cloud: Any = None,
    number: Any = None,
    at: Any = None,
) -> Any:
    """Every part has the same columns, or a UNION is none."""
    words = {
        "part": Value(part, output_field=TextField()),
        "text": text or Cast(Value(None), TextField()),
        "of": cloud or Value("", output_field=TextField()),
        "number": number or Value(0),
    }
    when = at or Cast(Value(None), DateTimeField())
    grouped = rows.values(**{f"c_{name}": word for name, word in words.items()})
    counted = grouped.annotate(c_at=when, c_n=sums[0], c_m=sums[1], c_k=sums[2])
    return counted.values_list("c_part", "c_text", "c_of", "c_number", "c_at", "c_n", "c_m", "c_k")
