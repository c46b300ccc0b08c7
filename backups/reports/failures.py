"""The causes of failures, each once: one answer for pages, API and CSV."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from django.db.models import (
    Case,
    Count,
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
from backups.models import Access, Backup, Cause
from backups.models.backup import happened_at
from backups.reports.computed_once import computed_once
from backups.reports.data_version import Versions

IDS_PER_CAUSE = 100  # `count` says how many there are
EXAMPLES_PER_CAUSE = 5
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
    access: Access,
    cloud: str | None = None,
    zone: tzinfo = UTC,
    versions: Versions | None = None,
) -> list[CauseState]:
    """Returns every cause that a tracked backup has now, the one seen last first, in three queries,
    or four for who may not see all clouds. What is gone in its cloud counts no more.

    `cloud`: only this one. A stored cause has the text of the backup that had it first, in whatever
    cloud: who may not see all of them reads that of the newest one that he may see. With `versions`
    the causes of all clouds are computed once for all who may see the same ones.
    """
    return computed_once(
        "causes",
        lambda: _causes(now, access, cloud, zone),
        # What is asked about one cloud, by whatever name, would be kept beside.
        version=versions.content if versions and cloud is None else None,
        access=access,
        of=str(zone),
    )


def _causes(now: datetime, access: Access, cloud: str | None, zone: tzinfo) -> list[CauseState]:
    backups = Backup.objects.visible_to(access).counted(access)
    backups = backups.filter(cause__isnull=False).order_by()
    if cloud is not None:
        backups = backups.filter(cloud=cloud)
    backups = backups.annotate(at=happened_at(now))
    counts = _count_by_cause(backups, last_days(now, zone, count=DAYS))
    if not counts:
        return []
    newest = _newest_by_cause(backups)
    texts = {} if access.clouds is None else _visible_texts(newest)
    states: list[CauseState] = []
    for cause in Cause.objects.filter(pk__in=counts):
        examples = newest.get(cause.key, [])
        cause.text = texts.get(cause.key, cause.text if access.clouds is None else "")
        states.append(_cause_state(cause, counts[cause.key], examples))
    return sorted(states, key=_recency, reverse=True)


def _visible_texts(newest: Mapping[str, Sequence[Example]]) -> dict[str, str]:
    """Returns by cause the reason that its newest backup has, in one query."""
    ids = [examples[0].id for examples in newest.values()]
    rows = Backup.objects.filter(pk__in=ids).order_by()
    texts: dict[str, str] = {}
    for cause, reason in rows.values_list("cause", "fail_reason"):
        texts[cause] = reason or ""
    return texts


def _recency(cause: CauseState) -> tuple[datetime, int, str]:
    return cause.last_seen_at, cause.count, cause.key


@dataclass
class _CauseCounts:
    """What the backups of one cause add up to; `by_day`: of each of the days that are told."""

    first_seen_at: datetime
    last_seen_at: datetime
    by_day: list[int]
    count: int = 0
    clouds: set[str] = field(default_factory=set)


def _count_by_cause(backups: Any, days: Sequence[Day]) -> dict[str, _CauseCounts]:
    groups = backups.annotate(day=_index_of_day(days)).values("cause", "cloud", "day")
    counts: dict[str, _CauseCounts] = {}
    for row in groups.annotate(count=Count("pk"), first=Min("at"), last=Max("at")):
        cause = counts.get(row["cause"])
        if cause is None:
            cause = _CauseCounts(row["first"], row["last"], by_day=[0] * len(days))
            counts[row["cause"]] = cause
        cause.first_seen_at = min(cause.first_seen_at, row["first"])
        cause.last_seen_at = max(cause.last_seen_at, row["last"])
        cause.clouds.add(row["cloud"])
        cause.count += row["count"]
        if row["day"] is not None:
            cause.by_day[row["day"]] += row["count"]
    return counts


def _index_of_day(days: Sequence[Day]) -> Case:
    """Returns which of `days` a backup failed on, as an expression; null before the first."""
    cases = [When(at__gte=day.begin, then=Value(index)) for index, day in enumerate(days)]
    cases.reverse()  # The first that is true counts, so the last day comes first.
    return Case(*cases, output_field=IntegerField(null=True))


def _newest_by_cause(backups: Any) -> dict[str, list[Example]]:
    """Returns the newest backups of each cause, the newest first."""
    place = Window(RowNumber(), partition_by="cause", order_by=(F("at").desc(), F("pk")))
    newest = backups.annotate(place=place).filter(place__lte=IDS_PER_CAUSE)
    examples: dict[str, list[Example]] = {}
    for row in newest.order_by("cause", "place").values(
        "cause", "id", "name", "cloud", "volume_id", "at"
    ):
        cause = row.pop("cause")
        examples.setdefault(cause, []).append(Example(**row))
    return examples


def _cause_state(cause: Cause, counts: _CauseCounts, newest: Sequence[Example]) -> CauseState:
    explained = explain(status=cause.state, reason=cause.text)
    return CauseState(
        code=cause.code,
        text=cause.text,
        meaning=explained.meaning,
        advice=explained.advice,
        count=counts.count,
        first_seen_at=counts.first_seen_at,
        last_seen_at=counts.last_seen_at,
        ids=tuple(str(example.id) for example in newest),
        key=cause.key,
        state=cause.state,
        clouds=tuple(sorted(counts.clouds)),
        examples=tuple(newest[:EXAMPLES_PER_CAUSE]),
        by_day=tuple(counts.by_day),
    )
