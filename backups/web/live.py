"""A page that keeps itself up to date: a poll costs no rendering while nothing has changed."""

from datetime import datetime, timedelta

from django.http import HttpResponse

from backups.reports.conditional import etag, unchanged
from backups.web import illness
from backups.web.htmx import HtmxHttpRequest
from backups.web.time_zone import zone

# How often a page asks: with something in flight or without an answer yet, and else.
POLL_MOVING_S = 3
POLL_S = 30
# Days turn, and gaps become "missed", at quarters of an hour, whatever the zone.
QUARTER_HOUR = timedelta(minutes=15)


class Live:
    """`etag` goes into the live region; `answer` is a 304 when the reader has this version already.

    `more`: what the page shows and neither a write nor a state that time changes tells of.
    """

    def __init__(self, request: HtmxHttpRequest, now: datetime, *more: object) -> None:
        quarter_hour = int(now.timestamp() // QUARTER_HOUR.total_seconds())
        own = (str(zone(request)), quarter_hour, illness.current())
        tag = etag(request, now, request.get_full_path(), *own, *more)
        self.etag = tag.strip('"')
        self.answer: HttpResponse | None = None
        if request.htmx:
            self.answer = unchanged(request, tag)
