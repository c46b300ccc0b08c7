"""What every page needs."""

import hashlib
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.cache import cache
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from backups.models import NO_ACCESS, Access, Role
from backups.reports.alarms import unacknowledged
from backups.reports.computed_once import computed_once
from backups.reports.data_version import Versions, versions
from backups.reports.summary import summary
from backups.shared.access import access_of
from backups.web import density, illness
from backups.web.time_zone import reader

LIVE_PAGES = frozenset(
    {
        "home",
        "alarms",
        "backups",
        "backup",
        "volumes",
        "volume",
        "losses",
        "migration",
        "policies",
        "policy",
        "failures",
        "clouds",
    }
)
ATTENTION_AGE_S = 10  # for which a process takes its last count for the navigation


def frame(request: HttpRequest) -> dict[str, Any]:
    """`here`: the name of the page, for the navigation; `path`: this very address,
    for the live update. `compact`: lists stand closely; `path_without_density` asks for no density,
    so that the account's counts.

    `live` is off where the address says so; `unlive` is the address's query without that key.
    `may_operate` decides which buttons and forms are drawn; what is sent all the same is refused
    (backups/web/role_middleware.py).
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
        "compact": SimpleLazyObject(lambda: density.is_compact(request, query)),
        "path_without_density": lambda: density.path_without(request.get_full_path()),
        "updates": page_name in LIVE_PAGES,
        "is_admin": SimpleLazyObject(lambda: _access(request).may(Role.ADMIN)),
        "reader": SimpleLazyObject(lambda: reader(request)),
        "attention_n": lambda: attention_count(access_of(request), None),
        "alarms_n": lambda: alarm_count(request, None),
        "may_operate": SimpleLazyObject(lambda: _access(request).may(Role.OPERATOR)),
        "sees_all_clouds": SimpleLazyObject(lambda: _access(request).clouds is None),
        "enters_admin": SimpleLazyObject(lambda: admin.site.has_permission(request)),
        "illness": illness.current,
    }


def _access(request: HttpRequest) -> Access:
    """Returns what a reader may; the page of an error that came early has none."""
    return access_of(request) if hasattr(request, "user") else NO_ACCESS


def alarm_count(request: HttpRequest, versions_read: Versions | None) -> int:
    """Returns how many alarms wait for somebody, for the navigation and the tab's title.
    `versions_read`: those of the data, where they have been read: then it is counted once for each
    of them, and what somebody has just acknowledged is a new one.
    """
    count: int | None = getattr(request, "_alarm_count", None)
    if count is None:
        access = access_of(request)
        count = computed_once(
            "alarms-that-wait",
            lambda: unacknowledged(timezone.now(), access=access),
            version=versions_read.content if versions_read else None,
            access=access,
        )
        request._alarm_count = count  # type: ignore[attr-defined]
    return count


def attention_count(access: Access, versions_read: Versions | None) -> int:
    """Returns how many incidents there are, for the navigation; only pages that draw it ask.
    `versions_read`: those of the data, where they have been read.
    """
    cached: int | None = cache.get(_attention_key(access))
    if cached is not None:
        return cached
    now = timezone.now()
    numbers = summary(now, access=access, versions=versions_read or versions(now))
    return note_attention(len(numbers.incidents), access)


def note_attention(count: int, access: Access) -> int:
    """Keeps a count for the navigation of all who see the same clouds: home has just counted."""
    cache.set(_attention_key(access), count, ATTENTION_AGE_S)
    return count


def _attention_key(access: Access) -> str:
    """Returns a key that is short and of letters alone, whatever the names of the clouds."""
    clouds = None if access.clouds is None else sorted(access.clouds)
    return f"attention-{hashlib.blake2b(repr(clouds).encode(), digest_size=12).hexdigest()}"
