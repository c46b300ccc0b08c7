"""Each partial in each state, from fixtures: for people who build on the pages, with DEBUG only."""

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from backups.query.list_query import ListQuery
from backups.reports.growth import Limit
from backups.web import columns, list_toolbar, status
from backups.web.backup_columns import COLUMNS
from backups.web.status import Badge

TABLES: Mapping[str, Mapping[Any, Badge]] = {
    "Status of a backup": status.STATUSES,
    "Tracking state": status.TRACKING_STATES,
    "Kind": status.KINDS,
    "Protection": status.PROTECTION,
    "Attention": status.ATTENTION,
    "Cloud": status.REACHABLE,
    "Verdict on a pasted line": status.VERDICTS,
    "Step of the connection test": status.STEP_OUTCOMES,
    "Token": status.TOKENS,
}
ROLES = ("ok", "fail", "warn", "flight", "unk", "mute")
# How long ago the times are that show each way of writing one.
AGES = (
    timedelta(seconds=4),
    timedelta(minutes=21),
    timedelta(hours=1, minutes=50),
    timedelta(hours=25),
    timedelta(days=4),
    timedelta(days=1000),
    timedelta(seconds=-30),
)


@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    if not settings.DEBUG:
        raise Http404
    now = timezone.now()
    chosen = columns.chosen_columns(request.GET, COLUMNS)
    selection = ListQuery(ordering="-created_at")
    rows = example_rows(now)
    units = columns.units_of(chosen.columns, rows)
    page = {
        "now": now,
        "row_keys": True,
        "tables": {name: list(table.values()) for name, table in TABLES.items()},
        "roles": ROLES,
        "days": list(status.DAYS.items()),
        "page": {"rows": rows},
        "units": units,
        "columns": chosen,
        "heads": list_toolbar.heads(request.GET, selection, chosen, units),
        "span": 12,
        "instants": [now - age for age in AGES],
        "growth": {"limits": example_limits(now)},
        "numbers": [0, 642, 1_204_880, None],
    }
    return render(request, "backups/styleguide.html", page)


def example_limits(now: datetime) -> list[Limit]:
    """Returns a quota without an end, one that ends soon and one that is used up."""
    limits = []
    for used, days in ((20, None), (80, 9), (100, 0)):
        limits.append(
            Limit(
                cloud="otc",
                what="backups",
                used=used,
                told=used,
                quota=100,
                days=days,
                ends_on=(now + timedelta(days=days)).date() if days else None,
                sentence=f"Of 100 backups that otc allows, {used} are known here.",
            )
        )
    return limits


def example_rows(now: datetime) -> list[dict[str, Any]]:
    """Returns a row of the list in each state, and the absurd ones."""
    rows = []
    for number, differences in enumerate(_differences(now), start=1):
        row: dict[str, Any] = dict.fromkeys(column.field for column in COLUMNS)
        row |= {
            "id": uuid.UUID(int=number),
            "name": None,
            "fail_reason": None,
            "error": None,
            "stuck_at": None,
            "progress": None,
            "status": "available",
            "tracking_state": "fresh",
            "cloud": "otc",
            "kind": "full",
            "kind_conflict": False,
            "tags": [],
            "refreshed_at": now - timedelta(seconds=12),
            "created_at": now - timedelta(hours=5),
        }
        rows.append(row | differences)
    return rows


def _differences(now: datetime) -> Iterator[dict[str, Any]]:
    """Yields what differs from a healthy backup, one row each."""
    for name in status.STATUSES:
        yield {"status": name, "name": f"a backup that is {name}"}
    for name in status.TRACKING_STATES:
        yield {"tracking_state": name, "name": f"a backup that is {name}"}
    yield {
        "status": "creating",
        "progress": 78,
        "name": "nightly-db-prod-02",
        "kind": "incremental",
    }
    yield {
        "status": "creating",
        "progress": 34,
        "stuck_at": now - timedelta(hours=3),
        "name": "nightly-sap-hana-log",
    }
    yield {"status": "frozen_by_admin", "kind": "unknown", "name": "a status that nobody knows"}
    yield {"kind_conflict": True, "name": "two signals that differ", "tags": ["legal-hold", "q4"]}
    yield {
        "error": {"class": "unavailable", "message": "The cloud does not answer."},
        "name": "not answered lately",
    }
    yield {
        "name": "x" * 200,
        "volume_id": "v" * 200,
        "description": "d" * 200,
        "fail_reason": "r" * 10_000,
    }
    yield {"name": "نسخة احتياطية يومية", "description": "<script>alert(1)</script> 🎉"}
    yield {"status": None, "kind": "unknown", "created_at": None, "refreshed_at": None}
