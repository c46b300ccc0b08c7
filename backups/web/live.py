"""A page that keeps itself up to date: a poll costs no rendering while what it shows is the same.

A poll is answered in two steps. Where nothing at all has changed since this process answered the
same question, that is known before anything is read. Else the page is read, and its ETag is made of
what it shows: a refresh that found other backups unchanged makes no new page.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.core.cache import caches
from django.http import HttpResponse
from django.shortcuts import render

from backups.reports.conditional import reader_of, unchanged
from backups.reports.data_version import versions
from backups.shared.access import access_of
from backups.web import illness
from backups.web.context import alarm_count, attention_count
from backups.web.htmx import HtmxHttpRequest
from backups.web.time_zone import zone

CACHE = "etags"
# How often a page asks: with something in flight or without an answer yet, and else.
POLL_MOVING_S = 3
POLL_S = 30
_INSTANT = re.compile(r"datetime\.datetime\(([0-9, ]*[0-9])")
# Keys of a template's context that differ with each request and are not shown.
NOT_SHOWN = frozenset({"now", "etag"})


class Live:
    """`answer` is a 304 when it is certain already that the reader has this version; else `render`
    decides. `versions` are those that were read before anything else, for `computed_once`.

    `more`: what the page shows and neither a write nor a state that time changes tells of.
    """

    def __init__(self, request: HtmxHttpRequest, now: datetime, *more: object) -> None:
        self._request = request
        self._now = now
        self.versions = versions(now)
        # Of whom it is asked, by which address and zone; and what ails vbsdash.
        self._question = (
            reader_of(request),
            request.get_full_path(),
            str(zone(request)),
            illness.current(),
            *more,
        )
        self.etag = _digest(self._question, self.versions.whole)
        self.answer = self._unchanged(caches[CACHE].get(self._key, self.etag))

    def render(
        self,
        template: str,
        context: Mapping[str, Any],
        *,
        status: int = 200,
        shown: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        """Renders a page with the ETag of what it shows, or answers 304.

        `shown`: what stands for the context in the ETag, where the context holds more than is
        shown. What time alone changes on a page is told by the instants in it that have passed;
        words for ages do not count, since the browser keeps them true by itself.
        """
        shown = {**(context if shown is None else shown)}
        for key in NOT_SHOWN:
            shown.pop(key, None)
        incidents = attention_count(access_of(self._request), self.versions)
        counts = (incidents, alarm_count(self._request, self.versions))
        text = repr(shown)
        passed = count_passed(text, self._now)
        self.etag = _digest(self._question, self.versions.surroundings, counts, text, passed)
        caches[CACHE].set(self._key, self.etag)
        answer = self._unchanged(self.etag) if status == 200 else None
        if answer is not None:
            return answer
        return render(self._request, template, {**context, "etag": self.etag}, status=status)

    @property
    def _key(self) -> str:
        """Names this very question about this very version."""
        return f"etag-{_digest(self._question, self.versions)}"

    def _unchanged(self, etag: str) -> HttpResponse | None:
        return unchanged(self._request, f'"{etag}"') if self._request.htmx else None


def count_passed(text: str, now: datetime) -> int:
    """Returns how many of the instants in the `repr` of something have passed; they are in UTC."""
    this_moment = (*now.astimezone(UTC).timetuple()[:6], now.microsecond)
    count = 0
    for numbers in _INSTANT.findall(text):
        count += tuple(int(number) for number in numbers.split(",")) <= this_moment
    return count


def to_the_minute(at: datetime | None) -> datetime | None:
    """Returns what a page tells of an instant that moves with each answer of a cloud."""
    return None if at is None else at.replace(second=0, microsecond=0)


def _digest(*seed: object) -> str:
    return hashlib.blake2b(repr(seed).encode(), digest_size=12).hexdigest()
