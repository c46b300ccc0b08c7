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
from backups.clouds import registry
from backups.query.list_query import InvalidQuery, without
from backups.reports import failures
from backups.reports.failures import CauseState
from backups.vbs.statuses import FAILED
from backups.web import status
from backups.web.live import Live
from backups.web.zone import zone

STILL = timedelta(hours=24)  # a cause seen within so long still happens
KEYS = frozenset({"q", "cloud", "live"})
PENDING_TOO = ("pending", "fresh", "stale")  # a backup that is gone in its cloud counts no more


@dataclass(frozen=True)
class Shown:
    """A cause with its days; `title` is what it means, else the text itself."""

    cause: CauseState
    title: str
    query: str
    days: Sequence[tuple[date, int]]
    more: int

    @property
    def failed(self) -> bool:
        """Else the cloud gave a reason although the backup did not fail."""
        return bool(self.cause.state)

    @property
    def code(self) -> str:
        """The code, unless the text says it already."""
        code = self.cause.code or ""
        return "" if code.casefold() in self.cause.text.casefold() else code


@require_safe
def cause_list(request: HttpRequest) -> HttpResponse:
    now, here = timezone.now(), zone(request)
    if unknown := [key for key in request.GET if key not in KEYS]:
        return _refuse(request, unknown)
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    cloud, q = request.GET.get("cloud", "").replace("\x00", ""), request.GET.get("q", "").strip()
    days = last_days(now, here, failures.DAYS)
    found = failures.causes(now, cloud=cloud or None, zone=here)
    shown = sorted(
        (_shown(one, days, cloud) for one in found if _holds(one, q)),
        key=lambda one: not one.failed,
    )
    still = [one for one in shown if one.cause.last_seen_at > now - STILL]
    failing = sum(one.failed for one in still)
    page = {
        "now": now,
        "etag": live.etag,
        "still": still,
        "over": [one for one in shown if one.cause.last_seen_at <= now - STILL],
        "failing": failing,
        "failed": sum(one.cause.count for one in shown if one.failed),
        "failed_query": _query(cloud, status=list(FAILED), tracking_state=list(PENDING_TOO)),
        "causes": sum(one.failed for one in shown),
        "worst": _worst(still),
        "mark": status.ATTENTION["error"] if failing else status.STATUSES["available"],
        "q": q,
        "cloud": cloud,
        "cloud_names": sorted(
            {*registry.configured(), *(name for one in found for name in one.clouds), cloud} - {""}
        ),
    }
    return render(request, "backups/failures.html", page)


def _shown(cause: CauseState, days: Sequence[date], cloud: str) -> Shown:
    title = cause.meaning or cause.text or "The cloud gave no reason."
    by_day = list(zip(days, cause.by_day, strict=True))
    return Shown(
        cause, title, _query(cloud, cause=cause.key), by_day, cause.count - len(cause.examples[:2])
    )


def _query(cloud: str, **words: str | list[str]) -> str:
    return urlencode({**words, **({"cloud": cloud} if cloud else {})}, doseq=True)


def _holds(cause: CauseState, q: str) -> bool:
    """Free text over all that is shown of a cause, case folded."""
    texts = (cause.code, cause.text, cause.meaning, cause.advice)
    return not q or any(q.casefold() in text.casefold() for text in texts if text)


def _worst(still: Sequence[Shown]) -> Shown | None:
    """Of those that still happen, the one that struck most often."""
    failed = [one for one in still if one.failed]
    return max(failed, key=lambda one: (sum(one.cause.by_day[-2:]), one.cause.count), default=None)


def _refuse(request: HttpRequest, unknown: Sequence[str]) -> HttpResponse:
    sentence = "“{}” is no filter of this page. There are: cloud, q."
    refused = InvalidQuery(
        {key: sentence.format(key[:80]) for key in unknown}, without(request.GET, *unknown)
    )
    page = {"problems": refused.errors, "rest": refused.valid_part, "list_url": reverse("failures")}
    return render(request, "backups/bad_filter.html", page, status=400)
