"""Who reads: the theme, the time zone and the keys of this reader."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.models import User
from django.http import HttpRequest

from backups.models import Preferences

COOKIE = "tz"  # app.js keeps the browser's zone in it
UTC = ZoneInfo("UTC")
_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")


@dataclass(frozen=True)
class Reader:
    """`theme` is light, dark or system; `source` tells where the zone comes from: account, browser
    or default.
    """

    theme: str
    zone: ZoneInfo
    source: str
    single_keys: bool


def reader(request: HttpRequest) -> Reader:
    """One query at most, once in a request. The zone is the account's, else the browser's, else
    UTC.
    """
    known: Reader | None = getattr(request, "_reader", None)
    if known is None:
        known = request._reader = _read(request)  # type: ignore[attr-defined]
    return known


def zone(request: HttpRequest) -> ZoneInfo:
    return reader(request).zone


def owner(request: HttpRequest) -> User:
    """Whose account it is; pages but the sign-in always have one."""
    return cast(User, request.user)


@lru_cache(maxsize=256)
def named(name: str) -> ZoneInfo | None:
    """The zone of an IANA name; None for any other text."""
    try:
        return ZoneInfo(name) if _NAME.fullmatch(name) else None
    except (ZoneInfoNotFoundError, OSError):  # a folder of the zone files is no zone
        return None


def _read(request: HttpRequest) -> Reader:
    user = getattr(request, "user", None)
    mine = (
        Preferences.objects.filter(user_id=user.pk).first()
        if user is not None and user.is_authenticated
        else None
    )
    theme, keys = (mine.theme, mine.single_keys) if mine else ("system", True)
    for name, source in (
        (mine.time_zone if mine else "", "account"),
        (request.COOKIES.get(COOKIE, ""), "browser"),
    ):
        found = named(name[:64]) if name else None
        if found is not None:
            return Reader(theme, found, source, keys)
    return Reader(theme, UTC, "default", keys)
