"""Time zones by name: which names there are, and how far from UTC each is, for people. Pure.

`Etc/GMT+5` is five hours behind UTC: POSIX counts westward, people eastward.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

LONGEST_NAME = 64  # characters
# Files beside the zones: this host's own zone, no zone at all, the default rules of POSIX texts.
_NO_ZONES = frozenset({"localtime", "Factory", "posixrules", "Etc/Unknown"})
_SIGN_TURNED = re.compile(r"(?:Etc/)?GMT[+-][0-9]{1,2}")
# What people write for an offset: UTC+5, GMT-03:30, +02.
_OFFSET = re.compile(
    "(?:UTC|GMT)?([+\N{MINUS SIGN}-])([0-9]{1,2})(?::?([0-9]{2}))?", re.ASCII | re.IGNORECASE
)
_FARTHEST_WEST: Final = 12  # hours that an `Etc/GMT…` has
_FARTHEST_EAST: Final = 14
_ANY_INSTANT = datetime(2027, 1, 1, tzinfo=UTC)  # for zones whose offset never changes


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    """Returns each name by itself in lower case."""
    names = {"utc": "UTC"}
    for name in available_timezones() - _NO_ZONES:
        names[name.lower()] = name
    return names


def zone_named(name: str) -> ZoneInfo | None:
    """Returns the zone of an IANA name, which may be in any case; None for any other text, and for
    a zone that this host does not know.
    """
    known_as = _names().get(name.strip().replace(" ", "_").lower())
    return None if known_as is None else ZoneInfo(known_as)


@lru_cache(maxsize=2)
def offered(at: datetime) -> list[tuple[str, str]]:
    """Returns each name and its offset at this instant, for people to choose from."""
    return [(name, offset_at(ZoneInfo(name), at)) for name in sorted(_names().values())]


def zone_told(name: str) -> tzinfo | None:
    """Returns the zone of an IANA name, or of an offset as clouds and people write it, which they
    count eastward: UTC+02:00. None for any other text.
    """
    zone = zone_named(name)
    if zone is not None:
        return zone
    offset = _OFFSET.fullmatch(name.replace(" ", ""))
    if offset is None:
        return None
    hours = int(offset[2])
    minutes = int(offset[3] or 0)
    is_east = offset[1] == "+"
    length = timedelta(hours=hours, minutes=minutes)
    farthest = timedelta(hours=_FARTHEST_EAST if is_east else _FARTHEST_WEST)
    if minutes > 59 or length > farthest:
        return None
    return timezone(length if is_east else -length)


def told_in_words(name: str) -> str:
    """Returns a zone that a cloud has named as it stands in a sentence."""
    zone = zone_told(name)
    if zone is None or isinstance(zone, ZoneInfo):
        return in_words(name if zone is None else zone.key)
    return offset_text(zone.utcoffset(None) or timedelta(0))


def zone_or_utc(name: str) -> ZoneInfo:
    """Returns the zone of a stored name; UTC where this host does not know it any more."""
    try:
        return ZoneInfo(name)
    # Unknown, a path, a folder.
    except (ValueError, OSError, KeyError):
        return ZoneInfo("UTC")


def cure(name: str) -> str:
    """Returns what to write instead of a text that is no zone, as the beginning of a sentence."""
    usual = "Write one like Europe/Berlin"
    offset = _OFFSET.fullmatch(name.replace(" ", ""))
    if offset is None or offset[3] not in (None, "00"):
        return usual
    hours = int(offset[2])
    is_east = offset[1] == "+"
    if hours > (_FARTHEST_EAST if is_east else _FARTHEST_WEST):
        return usual
    if hours == 0:
        return f"{usual}, or UTC"
    etc_name = f"Etc/GMT{'-' if is_east else '+'}{hours}"
    return f"{usual}, or {etc_name} for {short_name(etc_name)}"


def offset_text(offset: timedelta) -> str:
    """Writes an offset as people read it: UTC, UTC+1, UTC−3:30."""
    minutes = round(offset.total_seconds() / 60)
    if minutes == 0:
        return "UTC"
    sign = "+" if minutes > 0 else "\N{MINUS SIGN}"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{sign}{hours}:{rest:02}" if rest else f"UTC{sign}{hours}"


def offset_at(zone: ZoneInfo, at: datetime) -> str:
    return offset_text(at.astimezone(zone).utcoffset() or timedelta(0))


def instant_of(local: datetime, zone: ZoneInfo, *, is_end: bool) -> datetime:
    """Returns the instant, in UTC, of a time by the clock there. One that the clock leaves out is
    the instant after the gap. Of one that comes twice an end is the later, a beginning the earlier.
    """
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first <= second:
        return second if is_end else first
    # Of a time in a gap the one reading lies before the clock is put forward, the other behind it.
    before = second
    behind = first
    offset = behind.astimezone(zone).utcoffset()
    while behind - before > timedelta(seconds=1):
        middle = (before + (behind - before) / 2).replace(microsecond=0)
        if middle <= before:
            break
        if middle.astimezone(zone).utcoffset() == offset:
            behind = middle
        else:
            before = middle
    return behind


def short_name(name: str) -> str:
    """Returns what stands behind a time of this zone: the city, or the offset where the name has
    the sign of POSIX.
    """
    if _SIGN_TURNED.fullmatch(name):
        return offset_at(zone_or_utc(name), _ANY_INSTANT)
    return name.rsplit("/", 1)[-1].replace("_", " ")


def in_words(name: str) -> str:
    """Returns a name as it stands in a sentence; with what it means where that is easily misread,
    or where this host does not know it.
    """
    if _SIGN_TURNED.fullmatch(name):
        return f"{short_name(name)} ({name})"
    if zone_named(name) is None and zone_or_utc(name).key == "UTC":
        return f"UTC (this host does not know the time zone {name})"
    return name
