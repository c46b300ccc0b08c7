"""A page that keeps itself up to date: when nothing it depends on has changed, a poll costs no
rendering.
"""

from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse

from backups.reports.conditional import etag, unchanged
from backups.web.zone import zone

QUARTER = timedelta(
    minutes=15
)  # days turn and gaps become "missed" at quarters of an hour, whatever the zone


class Live:
    """`etag` goes into the live region; `answer` is a 304, when the reader has this version
    already.

    `more`: what the page shows and neither a write nor a state that time changes tells of.
    """

    def __init__(self, request: HttpRequest, now: datetime, *more: object) -> None:
        quarter_hour = int(now.timestamp() // QUARTER.total_seconds())
        tag = etag(request, now, request.get_full_path(), str(zone(request)), quarter_hour, *more)
        self.etag = tag.strip('"')
        self.answer: HttpResponse | None = (
            unchanged(request, tag) if "HX-Request" in request.headers else None
        )
