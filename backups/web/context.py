"""What every page needs."""

from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from backups.reports.summary import summary
from backups.web import illness
from backups.web.time_zone import reader

LIVE_PAGES = frozenset({"home", "backups", "backup", "volumes", "volume", "failures", "clouds"})
ATTENTION_AGE_S = 10  # for which a process takes its last count for the navigation


def frame(request: HttpRequest) -> dict[str, Any]:
    """`here`: the name of the page, for the navigation; `path`: this very address,
    for the live update.

    `live` is off where the address says so; `unlive` is the address's query without that key.
    """
    match = request.resolver_match
    page_name = match.url_name if match else None
    try:
        query = request.GET
    except SuspiciousOperation:
        # Too many keys, and this is the page that says so.
        query = QueryDict()
    without_live = query.copy()
    without_live.pop("live", None)
    return {
        "cookie_path": settings.SESSION_COOKIE_PATH,
        "demo": settings.DEMO,
        "here": page_name,
        "path": request.get_full_path(),
        "live": query.get("live") != "off",
        "unlive": without_live.urlencode(),
        "updates": page_name in LIVE_PAGES,
        "reader": SimpleLazyObject(lambda: reader(request)),
        "attention_n": attention_count,
        "illness": illness.current,
    }


def attention_count() -> int:
    """Returns how many things need attention, for the navigation; only pages that draw it ask."""
    cached: int | None = cache.get("attention")
    if cached is not None:
        return cached
    return note_attention(len(summary(timezone.now()).attention))


def note_attention(count: int) -> int:
    """Keeps a count for the navigation: home has just counted."""
    cache.set("attention", count, ATTENTION_AGE_S)
    return count
