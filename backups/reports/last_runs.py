"""How many disks are in a schedule, and what came of the newest promised run of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import BooleanField, Case, Count, Q, Value, When

from backups.models import Access, Volume
from backups.reports.computed_once import computed_once
from backups.reports.data_version import QUARTER_HOUR, Versions
from backups.reports.policies import worst_first

LATELY: Final = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class LastRuns:
    """Disks that are to be protected, each once. `by_outcome`: of those whose newest promised run
    is not older than `since`, a day ago; the worst first.
    """

    since: datetime
    by_schedule: Mapping[str, int]
    by_outcome: Mapping[str, int]

    @property
    def is_anything_known(self) -> bool:
        """Tells whether the policies of any cloud are known."""
        return bool(self.by_outcome) or any(
            count for word, count in self.by_schedule.items() if word != "unknown"
        )


def last_runs(now: datetime, *, access: Access, versions: Versions | None = None) -> LastRuns:
    """Counts in one query, with `versions` once for all who may see the same clouds."""
    since = now - LATELY
    since -= timedelta(seconds=since.timestamp() % QUARTER_HOUR.total_seconds())
    return computed_once(
        "last-runs",
        lambda: _count(now, since.astimezone(UTC), access),
        version=versions.content if versions else None,
        access=access,
    )


def _count(now: datetime, since: datetime, access: Access) -> LastRuns:
    rows: Any = Volume.objects.visible_to(access).counted(access).with_schedule(now)
    is_exempt = Q(exempt_reason__isnull=False) & (Q(exempt_until=None) | Q(exempt_until__gt=now))
    rows = rows.filter(~is_exempt, deleted_at=None).order_by()
    is_recent = Case(
        When(last_run_at__gte=since, then=Value(True)),
        default=Value(False),
        output_field=BooleanField(),
    )
    groups = rows.values_list("schedule", "last_run_outcome", is_recent).annotate(n=Count("pk"))
    by_schedule: dict[str, int] = {}
    by_outcome: dict[str, int] = {}
    for schedule, outcome, recent, count in groups:
        by_schedule[schedule] = by_schedule.get(schedule, 0) + count
        if recent and outcome is not None:
            by_outcome[outcome] = by_outcome.get(outcome, 0) + count
    return LastRuns(since=since, by_schedule=by_schedule, by_outcome=worst_first(by_outcome))
