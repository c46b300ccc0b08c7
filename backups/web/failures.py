"""Why backups fail: equal causes once, those that still happen first, each with advice and the
backups behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from backups.analysis.days import last_days
from backups.analysis.judgement import ASK_SUPPORT
from backups.clouds import registry
from backups.models import Access
from backups.query.fields import MAX_REPEATED
from backups.query.list_query import InvalidQuery, ListQuery, without
from backups.reports import failures
from backups.reports.failures import CauseState
from backups.shared.access import access_of
from backups.vbs.folding import fold
from backups.web import status
from backups.web.chips import chips, title
from backups.web.clean_address import clean_address
from backups.web.htmx import HtmxHttpRequest
from backups.web.live import Live
from backups.web.time_zone import zone

STILL_HAPPENS = timedelta(hours=24)  # a cause seen within so long still happens
EXAMPLES_SHOWN = 2
LATELY_DAYS = 2  # by which the most pressing cause is chosen
KEYS = frozenset({"q", "cloud", "live"})


@dataclass(frozen=True)
class CauseRow:
    """A cause with its days. `title` is what it means, else the text itself; `query` leads to its
    backups; `more`: are there such beside the examples?
    """

    cause: CauseState
    title: str
    query: str
    days: Sequence[tuple[date, int]]
    more: bool

    @property
    def failed(self) -> bool:
        """Tells a failure from a reason that the cloud gave although the backup did not fail."""
        return bool(self.cause.state)

    @property
    def code(self) -> str:
        """Returns the code, unless the text says it already."""
        code = self.cause.code or ""
        return "" if fold(code) in fold(self.cause.text) else code


@require_safe
@clean_address()
def cause_list(request: HtmxHttpRequest) -> HttpResponse:
    now = timezone.now()
    unknown_keys = [key for key in request.GET if key not in KEYS]
    if unknown_keys:
        return _refuse(request, unknown_keys)
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    cloud = request.GET.get("cloud", "").replace("\x00", "")
    q = request.GET.get("q", "").strip()
    reader_zone = zone(request)
    days = last_days(now, reader_zone, failures.DAYS)
    access = access_of(request)
    causes = failures.causes(
        now, access=access, cloud=cloud or None, zone=reader_zone, versions=live.versions
    )
    rows = [_row(cause, days, cloud) for cause in causes if _holds(cause, q)]
    still = []
    over = []
    not_failed = []
    for row in rows:
        if not row.failed:
            not_failed.append(row)
        elif row.cause.last_seen_at > now - STILL_HAPPENS:
            still.append(row)
        else:
            over.append(row)
    failed_rows = [*still, *over]
    failed = sum(row.cause.count for row in failed_rows)
    chosen = ListQuery(
        raw_values={key: (value,) for key, value in (("q", q), ("cloud", cloud)) if value}
    )
    filters = chips(request.GET, chosen, reader_zone)
    page = {
        "now": now,
        "chips": filters,
        "title": title("Failures", failed, filters),
        "still": still,
        "over": over,
        "not_failed": not_failed,
        "failing": len(still),
        "failed": failed,
        "failed_query": _failed_query(cloud, failed_rows, is_searched=bool(q)),
        "causes": len(failed_rows),
        "worst": _most_pressing(still),
        "mark": status.ATTENTION["error"] if still else status.STATUSES["available"],
        "q": q,
        "ask_support": ASK_SUPPORT,
        "cloud": cloud,
        "cloud_names": _cloud_names(causes, cloud, access),
    }
    return live.render("backups/failures.html", page)


def _row(cause: CauseState, days: Sequence[date], cloud: str) -> CauseRow:
    return CauseRow(
        cause=cause,
        title=cause.meaning or cause.text or "The cloud gave no reason.",
        query=_query(cloud, cause=cause.key),
        days=list(zip(days, cause.by_day, strict=True)),
        more=cause.count > EXAMPLES_SHOWN,
    )


def _query(cloud: str, **filters: str | list[str]) -> str:
    if cloud:
        filters["cloud"] = cloud
    return urlencode(filters, doseq=True)


def _failed_query(cloud: str, rows: Sequence[CauseRow], *, is_searched: bool) -> str:
    """Returns the list of exactly the failed backups of these causes; empty when a search has more
    of them than an address takes.
    """
    if not is_searched:
        return _query(cloud, group="failed")
    if len(rows) > MAX_REPEATED:
        return ""
    return _query(cloud, cause=[row.cause.key for row in rows])


def _holds(cause: CauseState, q: str) -> bool:
    """Searches free text, folded, in all that is shown of a cause."""
    searched = fold(q)
    texts = (cause.code, cause.text, cause.meaning, cause.advice)
    return any(searched in fold(text or "") for text in texts)


def _most_pressing(rows: Sequence[CauseRow]) -> CauseRow | None:
    """Returns the cause that struck most often lately."""

    def strikes(row: CauseRow) -> tuple[int, int]:
        return sum(row.cause.by_day[-LATELY_DAYS:]), row.cause.count

    return max(rows, key=strikes, default=None)


def _cloud_names(causes: Sequence[CauseState], chosen: str, access: Access) -> list[str]:
    """Returns the clouds to choose from, which hold the chosen one even when it is unknown."""
    names = set(registry.configured_for(access))
    for cause in causes:
        names.update(cause.clouds)
    if chosen:
        names.add(chosen)
    return sorted(names)


def _refuse(request: HttpRequest, unknown_keys: Sequence[str]) -> HttpResponse:
    errors = {}
    for key in unknown_keys:
        errors[key] = f"“{key[:80]}” is no filter of this page. There are: cloud, q."
    refused = InvalidQuery(errors, without(request.GET, *unknown_keys))
    page = {"problems": refused.errors, "rest": refused.valid_part, "list_url": reverse("failures")}
    return render(request, "backups/bad_filter.html", page, status=400)
