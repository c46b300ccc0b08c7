"""The numbers of the home page: one answer for the page, `/api/summary/` and whoever asks. Three
queries.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from backups.analysis import outcomes
from backups.analysis.calendar import last_days
from backups.analysis.outcomes import DayOutcomes
from backups.analysis.protection import OUTSIDE
from backups.clouds import quota, registry
from backups.reports import attention, home_counts, running_backups
from backups.reports.attention import Item
from backups.reports.growth import Growth, growth_of
from backups.reports.home_counts import Numbers
from backups.reports.running_backups import RunningState

DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Backups:
    """A number equals the row count of the list that asks for the word. The status that none gave
    is called "null".
    """

    by_status: dict[str, int]
    by_tracking_state: dict[str, int]
    total: int


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """Exempt and deleted ones stand beside the total."""

    by_protection: dict[str, int]
    total: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The shape `summary` of the JSON API, and what pages want beside it: `in_flight_total`,
    `running_backups`, `growth`.

    `in_flight` names those of which the knowledge is fresh, at most 1,000.
    """

    as_of: datetime
    backups: Backups
    volumes: Volumes
    attention: tuple[Item, ...]
    in_flight: tuple[str, ...]
    chain_size_mb: int
    outcomes_by_day: tuple[DayOutcomes, ...]
    in_flight_total: int
    running_backups: tuple[RunningState, ...]
    growth: Growth


def summary(now: datetime, zone: tzinfo = UTC, *, only: Iterable[str] | None = None) -> Summary:
    """`zone`: the reader's, by which days are told. `only`: the clouds that the reader may see; all
    with None.
    """
    rows, running_now = running_backups.clouds_and_running_backups(
        now, None if only is None else list(only)
    )
    names, heard = [row.name for row in rows], [row.name for row in rows if row.is_heard(now)]
    asked = [name for name in names if name in registry.configured()]
    days = last_days(now, zone, count=DAYS)
    first = outcomes.quarter_hour(days[0].begin)
    counted = home_counts.count(now, clouds=rows, only=only is not None, first_quarter_hour=first)
    found = attention.found(now, counted, clouds=asked, heard=heard)
    items = attention.items(
        found, counted, running_backups.stuck_items(running_now, now), heard=heard
    )
    by_protection = _by_protection(counted)
    return Summary(
        as_of=now,
        backups=Backups(
            by_status={
                word if word is not None else "null": n for word, n in counted.by_status.items()
            },
            by_tracking_state=counted.by_tracking_state,
            total=counted.total,
        ),
        volumes=Volumes(
            by_protection=by_protection,
            total=sum(n for word, n in by_protection.items() if word not in OUTSIDE),
        ),
        attention=tuple(items),
        in_flight=tuple(str(one.id) for one in running_now),
        chain_size_mb=counted.chain_size_mb,
        outcomes_by_day=tuple(outcomes.by_day(counted.quarters, days)),
        in_flight_total=counted.in_flight,
        running_backups=tuple(running_now),
        growth=growth_of(counted.days, {row.name: quota.in_force(row) for row in rows}, now),
    )


def _by_protection(counted: Numbers) -> dict[str, int]:
    found: dict[str, int] = {}
    for (_, word), mine in counted.volumes.items():
        found[word] = found.get(word, 0) + mine.count
    return found
