"""All counts of the home page in one query.

Its parts are counted by indexes: statuses by theirs, and of tracking states only those that are
few, the fresh ones being the rest. Grouping all backups by a CASE takes three times as long as the
whole page may.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, DateTimeField, F, Min, Q, QuerySet, Sum, TextField, Value
from django.db.models.functions import Coalesce

from backups.analysis.growth import Change
from backups.analysis.outcomes import Tally, quarter_hour
from backups.models import Backup, Cloud, OutcomeBucket, StoredDay, Volume
from backups.models.columns import unindexed
from backups.vbs.statuses import IN_FLIGHT


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
    volumes: dict[tuple[str, str], Protected] = field(
        default_factory=dict
    )  # by cloud and protection
    chain_size_mb: int = 0
    quarters: dict[int, Tally] = field(default_factory=dict)
    days: dict[str, dict[int, Change]] = field(default_factory=dict)  # by cloud

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
    now: datetime, *, clouds: Sequence[Cloud], only: bool, first_quarter_hour: int
) -> Numbers:
    """`clouds` are all that count; `only`: there are others, which do not.

    What is stale in a silent cloud is all that it ever answered for. A backup was only missed where
    the cloud's list of backups was read later: until then it may be there.
    """
    numbers = Numbers()
    heard = {cloud.name: cloud.is_heard(now) for cloud in clouds}
    parts = _parts(now, clouds, first_quarter_hour, only=only, silent=not all(heard.values()))
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
            numbers.days.setdefault(cloud, {})[number] = Change(n, m, k)
        elif part == "gone" or part == "pending":
            setattr(numbers, part, n)
        elif heard.get(cloud) == (part != "answered"):
            if part == "in_flight":
                numbers.in_flight += n
            else:
                numbers.stale[cloud] += n
    return numbers


def _parts(
    now: datetime, clouds: Sequence[Cloud], first: int, *, only: bool, silent: bool
) -> list[Any]:
    """No part asks for the bare column `cloud` unless it must: its index is the wrong way to a few
    rows.
    """
    mine = Q(cloud__in=[cloud.name for cloud in clouds]) if only else Q()
    backups = Backup.objects.filter(mine).order_by()
    there = backups.filter(gone_at__isnull=True)
    sizes = (Sum("mb"), Sum("backups"), Sum("gb"))
    running_now = there.filter(status__in=IN_FLIGHT, stale_at__gt=now)
    n = Count("pk")
    return [
        _part(
            Volume.objects.filter(mine).with_protection(now),
            "volumes",
            text="protection",
            cloud=True,
            at=Min(Coalesce("overdue_at", "first_seen_at")),
            sums=(n, Sum("chain_size_mb")),
        ),
        _part(backups, "status", text="status", sums=(n,)),
        _part(backups.filter(gone_at__isnull=False), "gone", sums=(n,)),
        _part(there.filter(refreshed_at__isnull=True), "pending", sums=(n,)),
        _part(running_now, "in_flight", cloud=True, sums=(n,)),
        _part(there.filter(stale_at__lte=now), "stale", cloud=True, sums=(n,)),
        *(
            [_part(there.filter(stale_at__isnull=False), "answered", cloud=True, sums=(n,))]
            if silent
            else []
        ),
        _part(
            OutcomeBucket.objects.filter(mine, quarter_hour__gte=first),
            "quarters",
            number="quarter_hour",
            sums=(Sum("good"), Sum("failed"), _missed(clouds, now)),
        ),
        _part(
            StoredDay.objects.filter(mine),
            "days",
            number="day",
            cloud=True,
            sums=sizes,
        ),
    ]


def _missed(clouds: Sequence[Cloud], now: datetime) -> Any:
    proven = Q(pk__in=[])
    for cloud in clouds:
        if cloud.backups_listed_at is not None:
            proven |= Q(
                cloud=cloud.name, counts_from__lte=quarter_hour(min(cloud.backups_listed_at, now))
            )
    return Coalesce(Sum("missed", filter=proven), 0)


def _part(
    rows: "QuerySet[Any]",
    part: str,
    *,
    sums: tuple[Any, ...],
    text: str | None = None,
    cloud: bool = False,
    number: str | None = None,
    at: Any = None,
) -> Any:
    """Every part has the same columns, or a UNION is none.

    What is constant is a bare value: a cast one would be grouped by, which costs the index. The
    first part has words for all columns, so that a database knows their types.
    """
    rows = rows.order_by()
    by = (
        {"of_cloud": unindexed("cloud")} if cloud else {"all": Value(0)}
    )  # not the bare column: see _parts
    grouped = rows.values(*(word for word in (text, number) if word), **by)
    given = {f"c_{name}": one for name, one in zip("nmk", sums, strict=False)}
    counted = grouped.annotate(**given, c_at=at or Value(None, output_field=DateTimeField()))
    blank = {f"c_{name}": Value(0) for name in "nmk" if f"c_{name}" not in given}
    told = counted.annotate(
        **blank,
        c_part=Value(part, output_field=TextField()),
        c_text=F(text) if text else Value(None, output_field=TextField()),
        c_cloud=F("of_cloud") if cloud else Value("", output_field=TextField()),
        c_number=F(number) if number else Value(0),
    )
    return told.values_list("c_part", "c_text", "c_cloud", "c_number", "c_at", "c_n", "c_m", "c_k")
