"""The counts of the home page: one answer for the page, `/api/summary/` and whoever asks."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

from backups.analysis import outcomes
from backups.analysis.calendar import last_days
from backups.analysis.incidents import Incident
from backups.analysis.outcomes import DayOutcomes
from backups.analysis.protection import OUTSIDE
from backups.clouds import registry
from backups.models import Access, Cloud
from backups.reports import home_counts
from backups.reports.attention import AttentionItem, attention_items
from backups.reports.computed_once import computed_once
from backups.reports.data_version import Versions
from backups.reports.growth import Growth, growth_of, quotas_of
from backups.reports.home_counts import HomeCounts
from backups.reports.incidents import Wrong, incidents
from backups.reports.open_failures import open_failures
from backups.reports.running_backups import RunningState, count_running, running_backups
from backups.reports.unprotected import crowds, unprotected_volumes

DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Backups:
    """A count equals the row count of the list that is filtered by its key. Backups without a
    status are counted under "null".
    """

    by_status: dict[str, int]
    by_tracking_state: dict[str, int]
    total: int


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """`total` is without exempt and deleted volumes, which stand beside it."""

    by_protection: dict[str, int]
    total: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The shape `summary` of the JSON API, and what pages want beside
    it: `in_flight_total`, `running_backups`, `growth`.

    `in_flight` names those of which the knowledge is fresh, at most 1,000.
    """

    as_of: datetime
    backups: Backups
    volumes: Volumes
    attention: tuple[AttentionItem, ...]
    incidents: tuple[Incident, ...]
    in_flight: tuple[str, ...]
    chain_size_mb: int
    outcomes_by_day: tuple[DayOutcomes, ...]
    in_flight_total: int
    running_backups: tuple[RunningState, ...]
    growth: Growth


def summary(
    now: datetime, zone: tzinfo = UTC, *, access: Access, versions: Versions | None = None
) -> Summary:
    """`zone`: the reader's, by which days are told. Nothing counts but what is in clouds that the
    reader may see. A constant number of queries.

    With `versions` it is computed once for all who may see the same clouds. When the backups in
    flight were last asked about is always read anew.
    """
    if versions is None:
        return _summary(now, zone, access)
    computed = computed_once(
        "summary",
        lambda: _summary(now, zone, access),
        version=versions.content,
        access=access,
        of=str(zone),
    )
    if computed.as_of == now:
        return computed
    if not computed.running_backups:
        return replace(computed, as_of=now)
    clouds = Cloud.objects.visible_to(access).order_by("name")
    running = tuple(running_backups(now, list(clouds)))
    return replace(computed, as_of=now, running_backups=running)


def _summary(now: datetime, zone: tzinfo, access: Access) -> Summary:
    clouds = list(Cloud.objects.visible_to(access).order_by("name"))
    days = last_days(now, zone, count=DAYS)
    counts = home_counts.count(
        now,
        access=access,
        clouds=clouds,
        first_quarter_hour=outcomes.quarter_hour(days[0].begin),
    )
    running = running_backups(now, clouds)
    configured = [cloud.name for cloud in clouds if cloud.name in registry.configured()]
    failures = open_failures(now, configured)
    unprotected = unprotected_volumes(now, clouds, crowds(counts.volumes), running)
    attention = attention_items(
        now,
        clouds=clouds,
        counts=counts,
        running=running,
        failures=failures,
        unprotected=unprotected,
    )
    wrong = Wrong(
        attention=attention,
        clouds=clouds,
        volumes=counts.volumes,
        unprotected=unprotected,
        failures=failures,
        running=running,
        stale_by_cloud=counts.stale_by_cloud,
    )
    return Summary(
        as_of=now,
        backups=_backups(counts),
        volumes=_volumes(counts),
        attention=tuple(attention),
        incidents=tuple(incidents(wrong, now)),
        in_flight=tuple(str(state.id) for state in running),
        chain_size_mb=counts.chain_size_mb,
        outcomes_by_day=tuple(outcomes.by_day(counts.outcomes, days)),
        in_flight_total=count_running(now, clouds),
        running_backups=tuple(running),
        growth=growth_of(counts.stored, quotas_of(clouds), now),
    )


def _backups(counts: HomeCounts) -> Backups:
    by_status: dict[str, int] = {}
    for status, count in counts.backups_by_status.items():
        by_status["null" if status is None else status] = count
    return Backups(
        by_status=by_status,
        by_tracking_state=counts.by_tracking_state,
        total=counts.total,
    )


def _volumes(counts: HomeCounts) -> Volumes:
    by_protection = counts.by_protection
    total = sum(by_protection.values())
    for protection in OUTSIDE:
        total -= by_protection.get(protection, 0)
    return Volumes(by_protection=by_protection, total=total)
