"""The days of one disk: those that were not good, and what was made on one of them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from backups.analysis.calendar import midnight
from backups.analysis.days import DayState, runs
from backups.query.volume_keys import stored_volume_id
from backups.reports.volume_backups import backups_made_between
from backups.reports.volume_runs import RunOfVolume, runs_between
from backups.shared.access import access_of
from backups.web import grid, status
from backups.web.charts.scale import day_text
from backups.web.grid import Grid
from backups.web.htmx import HtmxHttpRequest
from backups.web.status import Badge, Cell
from backups.web.time_zone import zone
from backups.web.volume_row import VolumeRow

RUNS_SHOWN = 6  # promised ones of a day; its page has them all
SHOWN = 4  # backups of a day; the list has them all
CARD_FIELDS = (
    "id",
    "status",
    "tracking_state",
    "progress",
    "stuck_at",
    "name",
    "kind",
    "kind_conflict",
    "size",
    "created_at",
    "updated_at",
    "fail_reason",
)
# Their `updated_at` is when they came to this end.
ENDED = ("available", "error")
BAD: tuple[DayState, ...] = ("failed", "missed")


@dataclass(frozen=True)
class BadDays:
    """Some days in a row that failed or were missed. `href`: what was made then, if anything."""

    cell: Cell
    text: str
    length: int
    href: str


@dataclass(frozen=True)
class Promised:
    """A promised run of a day, at a time of the reader's zone; `late`: so many seconds, where that
    is worth a word.
    """

    at: str
    badge: Badge
    late: int | None
    reason: str | None


@dataclass(frozen=True)
class CardRow:
    """A backup of a day. `took`: how long it was made; None where nobody can say."""

    fields: dict[str, Any]
    took: timedelta | None


def bad_days(volume: VolumeRow, shown: Grid, reader_zone: ZoneInfo) -> list[BadDays]:
    """Returns what failed or was missed, the newest first."""
    state = volume.state
    result: list[BadDays] = []
    for run in runs(volume.day_states):
        if run.state not in BAD:
            continue
        first = shown.days[run.first]
        last = shown.days[run.first + run.length - 1]
        href = ""
        if run.state == "failed":
            href = grid.days_url(state.volume_id, first, last, reader_zone)
        text = grid.days_text(first, last)
        result.append(BadDays(status.DAYS[run.state], text, run.length, href))
    return result[::-1]


@require_safe
@vary_on_headers("HX-Request")
def day(request: HtmxHttpRequest, cloud: str, volume_id: str, on: str) -> HttpResponse:
    """Leads to the list of what was made of a disk on a day of the reader's zone; a script gets the
    first of them for a card.
    """
    access = access_of(request)
    if not access.opens(cloud):
        raise Http404
    day_shown = _day(on)
    reader_zone = zone(request)
    volume_id = stored_volume_id(cloud, volume_id)
    href = grid.days_url(volume_id, day_shown, day_shown, reader_zone)
    if not request.htmx:
        return redirect(href)
    now = timezone.now()
    rows, total = backups_made_between(
        volume_id,
        midnight(day_shown, reader_zone),
        midnight(day_shown + timedelta(days=1), reader_zone),
        now,
        access=access,
        fields=CARD_FIELDS,
        limit=SHOWN,
    )
    runs = runs_between(
        cloud,
        volume_id,
        midnight(day_shown, reader_zone),
        midnight(day_shown + timedelta(days=1), reader_zone),
        access=access,
    )
    card = {
        "now": now,
        "runs": [_promised(run, reader_zone) for run in runs[:RUNS_SHOWN]],
        "day": day_text(day_shown),
        "rows": [CardRow(row, _took(row)) for row in rows],
        "total": total,
        "more": total - len(rows),
        "href": href,
    }
    return render(request, "backups/partials/_day_card.html", card)


def _promised(run: RunOfVolume, reader_zone: ZoneInfo) -> Promised:
    return Promised(
        at=f"{run.slot_at.astimezone(reader_zone):%H:%M}",
        badge=status.of_run(run.outcome),
        late=run.late_seconds if run.outcome == "late" else None,
        reason=run.reason,
    )


def _day(text: str) -> date:
    """Raises Http404 for what is no day, or one at the ends of the calendar."""
    try:
        day_asked = date.fromisoformat(text)
    except ValueError:
        raise Http404 from None
    if not 1970 <= day_asked.year <= 9998:
        raise Http404
    return day_asked


def _took(row: dict[str, Any]) -> timedelta | None:
    created_at: datetime | None = row["created_at"]
    updated_at: datetime | None = row["updated_at"]
    if row["status"] not in ENDED or created_at is None or updated_at is None:
        return None
    took = updated_at - created_at
    return took if took > timedelta(0) else None
