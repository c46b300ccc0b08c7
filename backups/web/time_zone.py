"""Who reads: the theme, the time zone, the keys and the lists of this reader."""

import re
from dataclasses import dataclass
from typing import cast
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.http import HttpRequest

from backups.analysis.zones import LONGEST_NAME, zone_named
from backups.reports.account import preferences_of

COOKIE = "tz"  # app.js keeps the browser's zone in it
UTC = ZoneInfo("UTC")
_NAME = re.compile(r"[A-Za-z0-9_+:-]+(/[A-Za-z0-9_+-]+){0,2}")


@dataclass(frozen=True)
class Reader:
    """`theme` is light, dark or system; `source` tells where the zone comes from:
    account, browser or default. `unknown_zone` is the name that this host does not know, where the
    account or else the browser named one.
    """

    theme: str
    zone: ZoneInfo
    source: str
    single_keys: bool
    compact_lists: bool
    unknown_zone: str = ""


def reader(request: HttpRequest) -> Reader:
    """Returns the reader of a request, which is read once, in one query at most. The zone is the
    account's, else the browser's, else UTC.
    """
    cached: Reader | None = getattr(request, "_reader", None)
    if cached is None:
        cached = _read(request)
        request._reader = cached  # type: ignore[attr-defined]
    return cached


def zone(request: HttpRequest) -> ZoneInfo:
    return reader(request).zone


def owner(request: HttpRequest) -> User:
    """Returns the account; pages but the sign-in always have one."""
    return cast(User, request.user)


def _read(request: HttpRequest) -> Reader:
    user = getattr(request, "user", None)
    preferences = None
    if user is not None and user.is_authenticated:
        preferences = preferences_of(user)
    theme = preferences.theme if preferences else "system"
    single_keys = preferences.single_keys if preferences else True
    compact_lists = preferences.compact_lists if preferences else False
    sources = (
        ("account", preferences.time_zone if preferences else ""),
        ("browser", request.COOKIES.get(COOKIE, "")),
    )
    unknown_zone = ""
    for source, name in sources:
        named = zone_named(name[:LONGEST_NAME])
        if named is not None:
            return Reader(theme, named, source, single_keys, compact_lists, unknown_zone)
        # What cannot be a name is no answer.
        if not unknown_zone and _NAME.fullmatch(name[:LONGEST_NAME]):
            unknown_zone = name[:LONGEST_NAME]
    return Reader(theme, UTC, "default", single_keys, compact_lists, unknown_zone)
