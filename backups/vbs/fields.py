"""Reads one value of an answer as text, number, flag, time or links; what it cannot read becomes
None and a report.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from backups.vbs.ids import normal, why_no_id

Problems = list[str]

BIGINT: Final = 2**63 - 1  # the largest integer that both databases hold
SHORT: Final = 500  # characters of an indexed word; PostgreSQL refuses longer index rows
LONG: Final = 65_536  # characters of a reason or description
MAX_LINKS: Final = 20
HREF: Final = 2048  # characters, as browsers take them
_NUMBER: Final = re.compile(
    r"[+-]?[0-9]{1,400}(\.[0-9]{0,400})?([eE][+-]?[0-9]{1,4})?"
)  # no 1_000, no "infinity"
_YEARS: Final = range(
    1970, 3000
)  # beyond lie placeholders such as 0001-01-01, and overflows in time zones


def refuse(problems: Problems, key: str, value: Any, why: str) -> None:
    """Note in words why `key` became null; the value is quoted short, never a VK (redacted before
    decoding).
    """
    shown = clean(_as_json(value))
    problems.append(
        f"{clean(key)} {shown[:60]}{'…' if len(shown) > 60 else ''} was not read: {why}"
    )


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, default=str, ensure_ascii=False)
    except (RecursionError, ValueError):  # nested deeper, or a number longer, than Python writes
        return f"({type(value).__name__})"


def clean(value: str) -> str:
    """Without NUL and lone surrogates, which break databases, not parsers."""
    return (
        value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
        if _unsafe(value)
        else value
    )


def _unsafe(value: str) -> bool:
    return "\x00" in value or (
        not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value)
    )


def text(
    source: Mapping[str, Any], key: str, problems: Problems, *, most: int = SHORT
) -> str | None:
    value = source.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        return refuse(problems, key, value, "it is no text")
    if value.isascii() and len(value) <= most and "\x00" not in value:  # nearly all are
        return value
    if len(value) > most:
        problems.append(f"{key} has {len(value):,} characters; the first {most:,} are shown")
    return clean(value)[:most]


def identifier(source: Mapping[str, Any], key: str, problems: Problems) -> str | None:
    """The ID of something else than the backup itself; what cannot be one (`ids`) is no key to
    anything.
    """
    value = source.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return refuse(problems, key, value, "it is no text")
    if why := why_no_id(value):
        return refuse(problems, key, value, why)
    return normal(value)


def number(source: Mapping[str, Any], key: str, problems: Problems) -> float | None:
    """A finite number >= 0; numeric text counts, a boolean does not (API.md §11.4)."""
    value = source.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        found = float(value) if _NUMBER.fullmatch(value.strip()) else math.nan
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value) if abs(value) < BIGINT else math.nan
    else:
        found = math.nan
    if not math.isfinite(found) or found < 0:
        return refuse(problems, key, value, "it is no number from 0 on")
    return found


def integer(
    source: Mapping[str, Any], key: str, problems: Problems, *, least: int = 0, most: int = BIGINT
) -> int | None:
    """A whole number in [least, most]; `"2"`, `2` and `2.0` are the same, `""` is nothing, `true`
    is no number.
    """
    value = source.get(key)
    if value is None or value == "":
        return None
    found = _whole(value)
    if found is None or not least <= found <= most:
        span = (
            f"from {least} to {most}"
            if most < BIGINT
            else "that can be stored"
            if least < 0
            else "from 0 on"
        )
        return refuse(problems, key, value, f"it is no whole number {span}")
    return found


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if value.isascii() and value.isdecimal() and len(value) < 19:  # nearly all are
            return int(value)
        digits = value.strip()
        if len(digits) > 40 or not _NUMBER.fullmatch(digits):
            return None
        return int(digits) if digits.lstrip("+-").isdecimal() else _whole(float(digits))
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    return value if isinstance(value, int) else None


def flag(source: Mapping[str, Any], key: str, problems: Problems) -> bool | None:
    value = source.get(key)
    if value is None or value == "" or isinstance(value, bool):
        return None if value == "" else value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    return refuse(problems, key, value, "it is neither true nor false")


def instant(source: Mapping[str, Any], key: str, problems: Problems) -> datetime | None:
    """An aware UTC time; the API gives no zone and means UTC (API.md §11.13)."""
    value = source.get(key)
    if value is None or value == "":
        return None
    try:
        found = datetime.fromisoformat(value.strip() if isinstance(value, str) else "")
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return refuse(problems, key, value, "it is no time in ISO 8601")
    if found.year not in _YEARS:
        return refuse(problems, key, value, "the year is not plausible")
    return found


def links(source: Mapping[str, Any], problems: Problems) -> list[dict[str, str]]:
    """The `{rel, href}` pairs, as text: what the server believes its address to be (API.md
    §11.14).
    """
    value = source.get("links")
    if value is None:
        return []
    given = value if isinstance(value, list) else [value]
    pairs = [item for item in given if _is_link(item)]
    if len(pairs) != len(given):
        refuse(
            problems,
            "links",
            value,
            f"{len(given) - len(pairs)} of them are not pairs of rel and href",
        )
    elif len(pairs) > MAX_LINKS:
        problems.append(f"links has {len(pairs):,} entries; the first {MAX_LINKS} are shown")
    return [
        {"rel": clean(i["rel"])[:SHORT], "href": clean(i["href"])[:HREF]} for i in pairs[:MAX_LINKS]
    ]


def _is_link(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("href"), str)
        and isinstance(item.get("rel"), str)
    )


def parse_json(value: str) -> Any:
    """The value inside a JSON text; None when it is none. Numbers too long for Python stay as their
    text.
    """
    try:
        return json.loads(value, parse_int=_long_int)
    except (ValueError, RecursionError):
        return None


def _long_int(digits: str) -> int | str:
    return int(digits) if len(digits) <= 300 else digits


def storable(value: Any, depth: int = 0) -> Any:
    """A JSON value that both databases take: clean text, finite numbers, at most 20 levels."""
    if isinstance(value, str):
        return clean(value)[:LONG]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict | list) and depth >= 20:
        return "[nested too deeply to be shown]"
    if isinstance(value, dict):
        return {clean(str(k))[:SHORT]: storable(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [storable(v, depth + 1) for v in value]
    return value
