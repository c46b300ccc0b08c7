"""What every page needs."""

from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from backups.reports.summary import summary
from backups.web.zone import reader

LIVE_PAGES = frozenset({"home", "backups", "backup", "volumes", "volume", "failures", "clouds"})
ATTENTION_AGE = 10  # seconds for which a process takes its last count for the navigation


def frame(request: HttpRequest) -> dict[str, Any]:
    """`here`: the name of the page, for the navigation; `path`: this very address, for the live
    update.

    `live` is off where the address says so; `unlive` is the address's query without that word.
    """
    match = request.resolver_match
    here = match.url_name if match else None
    try:
        query = request.GET
    except SuspiciousOperation:  # too many keys: this page says so
        query = QueryDict()
    rest = query.copy()
    rest.pop("live", None)
    return {
        "demo": settings.DEMO,
        "here": here,
        "path": request.get_full_path(),
        "live": query.get("live") != "off",
        "unlive": rest.urlencode(),
        "updates": here in LIVE_PAGES,
        "reader": SimpleLazyObject(lambda: reader(request)),
        "attention_n": attention_count,
    }


def attention_count() -> int:
    """How many things need attention, for the navigation; only pages that draw it ask."""
    known = cache.get("attention")
    return known if known is not None else note_attention(len(summary(timezone.now()).attention))


def note_attention(n: int) -> int:
    """Home has just counted them."""
    cache.set("attention", n, ATTENTION_AGE)
    return n
