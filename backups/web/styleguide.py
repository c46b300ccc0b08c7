"""Each partial in each state, from fixtures: for people who build on the pages, with DEBUG only."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from backups.query.list_query import ListQuery
from backups.web import columns, list_toolbar, status
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


@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    if not settings.DEBUG:
        raise Http404
    now = timezone.now()
    chosen = columns.chosen(request.GET)
    head, name, others, known = list_toolbar.heads(
        request.GET, ListQuery(ordering="-created_at"), chosen
    )
    page = {
        "now": now,
        "row_keys": True,
        "tables": {name: list(table.values()) for name, table in TABLES.items()},
        "roles": ROLES,
        "days": list(status.DAYS.items()),
        "page": {"rows": list(rows(now))},
        "columns": chosen,
        "heads": {"status": head, "name": name, "others": others, "known": known},
        "span": 12,
        "instants": [
            now - timedelta(seconds=s) for s in (4, 1260, 6600, 90_000, 400_000, 90_000_000, -30)
        ],
        "numbers": [0, 642, 1_204_880, None],
    }
    return render(request, "backups/styleguide.html", page)


def rows(now: datetime) -> list[dict[str, Any]]:
    """A row of the list in each state, and the absurd ones."""
    base: dict[str, Any] = dict.fromkeys(
        (*columns.BY_WORD, "name", "fail_reason", "error", "stuck_at", "progress")
    )
    base |= {
        "status": "available",
        "tracking_state": "fresh",
        "cloud": "otc",
        "kind": "full",
        "kind_conflict": False,
    }
    base |= {
        "tags": [],
        "refreshed_at": now - timedelta(seconds=12),
        "created_at": now - timedelta(hours=5),
    }
    states: list[dict[str, Any]] = [
        *({"status": word, "name": f"a backup that is {word}"} for word in status.STATUSES),
        *(
            {"tracking_state": word, "name": f"a backup that is {word}"}
            for word in status.TRACKING_STATES
        ),
        {"status": "creating", "progress": 78, "name": "nightly-db-prod-02", "kind": "incremental"},
        {
            "status": "creating",
            "progress": 34,
            "stuck_at": now - timedelta(hours=3),
            "name": "nightly-sap-hana-log",
        },
        {"status": "frozen_by_admin", "kind": "unknown", "name": "a status that nobody knows"},
        {"kind_conflict": True, "name": "two signals that differ", "tags": ["legal-hold", "q4"]},
        {
            "error": {"class": "unavailable", "message": "The cloud does not answer."},
            "name": "not answered lately",
        },
        {
            "name": "x" * 200,
            "volume_id": "v" * 200,
            "description": "d" * 200,
            "fail_reason": "r" * 10_000,
        },
        {"name": "نسخة احتياطية يومية", "description": "<script>alert(1)</script> 🎉"},
        {
            "status": None,
            "kind": "unknown",
            "created_at": None,
            "refreshed_at": None,
            "cloud": "otc",
        },
    ]
    return [{**base, **one, "id": uuid.UUID(int=at + 1)} for at, one in enumerate(states)]
