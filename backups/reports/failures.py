"""The causes of failures, each once: one answer for pages, API and CSV, in three queries."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    F,
    IntegerField,
    Max,
    Min,
    Value,
    When,
    Window,
)
from django.db.models.functions import RowNumber

from backups.analysis.calendar import Day, last_days
from backups.analysis.causes import explain
from backups.analysis.facts import SKEW
from backups.models import Backup, Cause

IDS = 100  # of one cause; `count` says how many there are
EXAMPLES = 5
DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Example:
    id: uuid.UUID
    name: str | None
    cloud: str
    volume_id: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class CauseState:
    """The shape `cause` of the JSON API, and what pages want beside it.

    `key` is the value of the list's filter `cause`; `state` is an error state, "" for a reason on a
    backup that did not fail. `ids` and `examples` are the newest ones. `by_day`: how many on each
    of the last 30 days, today last.
    """

    code: str | None
    text: str
    meaning: str | None
    advice: str | None
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    ids: tuple[str, ...]
    key: str
    state: str
    clouds: tuple[str, ...]
    examples: tuple[Example, ...]
    by_day: tuple[int, ...]


def causes(
    now: datetime,
    *,
    cloud: str | None = None,
    clouds: Iterable[str] | None = None,
    zone: tzinfo = UTC,
) -> list[CauseState]:
    """Every cause that a tracked backup has now, the one seen last first. What is gone in its cloud
    counts no more.
    """
    rows = Backup.objects.filter(cause__isnull=False).order_by()
    if cloud is not None:
        rows = rows.filter(cloud=cloud)
    if clouds is not None:
        rows = rows.filter(cloud__in=list(clouds))
    rows = rows.annotate(at=_happened(now))
    days = last_days(now, zone, count=DAYS)
    counts = _counts(rows, days)
    if not counts:
        return []
    newest = _newest(rows)
    known = Cause.objects.filter(pk__in=counts)
    found = [_state(row, counts[row.key], newest.get(row.key, [])) for row in known]
    return sorted(found, key=lambda one: (one.last_seen_at, one.count, one.key), reverse=True)


@dataclass
class _Counted:
    """What the backups of one cause say together."""

    count: int
    first: datetime
    last: datetime
    clouds: set[str]
    by_day: list[int]

    def add(
        self, *, count: int, first: datetime, last: datetime, cloud: str, day: int | None
    ) -> None:
        self.count, self.first, self.last = (
            self.count + count,
            min(self.first, first),
            max(self.last, last),
        )
        self.clouds.add(cloud)
        if day is not None:
            self.by_day[day] += count


def _counts(rows: Any, days: Sequence[Day]) -> dict[str, _Counted]:
    day = Case(
        *(When(at__gte=one.begin, then=Value(n)) for n, one in reversed(list(enumerate(days)))),
        output_field=IntegerField(null=True),
    )
    grouped = (
        rows.annotate(day=day)
        .values_list("cause", "cloud", "day")
        .annotate(Count("pk"), Min("at"), Max("at"))
    )
    found: dict[str, _Counted] = {}
    for key, cloud, n, count, first, last in grouped:
        mine = found.setdefault(key, _Counted(0, first, last, set(), [0] * len(days)))
        mine.add(count=count, first=first, last=last, cloud=cloud, day=n)
    return found


def _newest(rows: Any) -> dict[str, list[Example]]:
    """The newest backups of each cause, the newest first."""
    place = Window(RowNumber(), partition_by="cause", order_by=(F("at").desc(), F("pk")))
    picked = rows.annotate(place=place).filter(place__lte=IDS).order_by("cause", "place")
    found: dict[str, list[Example]] = {}
    for row in picked.values("cause", "id", "name", "cloud", "volume_id", "at"):
        found.setdefault(row.pop("cause"), []).append(Example(**row))
    return found


def _state(row: Cause, counted: _Counted, newest: Sequence[Example]) -> CauseState:
    told = explain(status=row.state, reason=row.text)
    return CauseState(
        code=row.code,
        text=row.text,
        meaning=told.meaning,
        advice=told.advice,
        count=counted.count,
        first_seen_at=counted.first,
        last_seen_at=counted.last,
        ids=tuple(str(one.id) for one in newest),
        key=row.key,
        state=row.state,
        clouds=tuple(sorted(counted.clouds)),
        examples=tuple(newest[:EXAMPLES]),
        by_day=tuple(counted.by_day),
    )


def _happened(now: datetime) -> Case:
    """When the cloud began it; a time that cannot be believed gives way to when it was added
    here.
    """
    believed = When(created_at__lte=now + SKEW, then=F("created_at"))
    return Case(believed, default=F("tracked_at"), output_field=DateTimeField())
