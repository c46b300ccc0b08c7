"""What would be lost if everything burned now, of all disks and by tag."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from backups.analysis.protection import OUTSIDE, PROTECTIONS
from backups.reports import losses
from backups.reports.losses import LossOfGroup
from backups.shared.access import access_of
from backups.web import status
from backups.web.htmx import HtmxHttpRequest
from backups.web.live import Live
from backups.web.status import Badge

# What the list of disks is asked for those that a backup is expected of.
EXPECTED = urlencode({"protection": [p for p in PROTECTIONS if p not in OUTSIDE]}, doseq=True)


@dataclass(frozen=True)
class LossRow:
    """A row of the table. `query`: what the list of disks is asked for this group, with the sign
    that the next filter needs before it.
    """

    group: LossOfGroup
    query: str


@require_safe
def loss_list(request: HtmxHttpRequest) -> HttpResponse:
    now = timezone.now()
    live = Live(request, now)
    if live.answer is not None:
        return live.answer
    of_reader = losses.losses(now, access=access_of(request))
    page = {
        "now": now,
        "mark": _mark(of_reader.overall),
        "overall": of_reader.overall,
        "rows": [_row(group) for group in (of_reader.overall, *of_reader.by_tag)],
        "expected": EXPECTED,
    }
    return live.render("backups/losses.html", page)


def _row(group: LossOfGroup) -> LossRow:
    query = "" if group.tag is None else f"{urlencode({'tag': group.tag})}&"
    return LossRow(group, query)


def _mark(overall: LossOfGroup) -> Badge:
    """Returns the shape before the sentence."""
    if overall.never:
        return status.PROTECTION["never"]
    if overall.worst is not None and overall.worst.is_overdue:
        return status.PROTECTION["overdue"]
    return status.PROTECTION["unknown" if overall.unknown else "protected"]
