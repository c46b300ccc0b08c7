"""Reads one value of an answer as text, number, flag, time or links; what it cannot read becomes
None and a report.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypedDict

from backups.vbs.ids import normal, why_no_id

Problems = list[str]

BIGINT: Final = 2**63 - 1  # The largest integer that both databases hold.
SHORT: Final = 500  # Characters of an indexed text; PostgreSQL refuses longer index rows.
LONG: Final = 65_536  # Characters of a reason or description.
MAX_LINKS: Final = 20
HREF: Final = 2048  # Characters, as browsers take them.
MAX_DEPTH: Final = 20  # Levels of a JSON value that is stored as it is.
MAX_QUOTED: Final = 60  # Characters of a value in a report.
# Neither 1_000 nor "infinity".
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]{0,400})?([eE][+-]?[0-9]{1,4})?")
# Beyond lie placeholders such as 0001-01-01, and overflows in time zones.
_YEARS: Final = range(1970, 3000)


class Link(TypedDict):
    rel: str
    href: str


def refuse(problems: Problems, key: str, value: object, why: str) -> None:
    """Reports in words why `key` became null; the value is quoted short, never a
    VK (redacted before decoding).
    """
    quoted = clean(_as_json(value))
    if len(quoted) > MAX_QUOTED:
        quoted = quoted[:MAX_QUOTED] + "…"
    problems.append(f"{clean(key)} {quoted} was not read: {why}")


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, default=str, ensure_ascii=False)
    except (RecursionError, ValueError):  # Nested deeper, or a number longer, than Python writes.
        return f"({type(value).__name__})"


def clean(value: str) -> str:
    """Returns a text without NUL and lone surrogates, which break databases, not parsers."""
    if not _is_unsafe(value):
        return value
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _is_unsafe(value: str) -> bool:
    if "\x00" in value:
        return True
    return not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value)


def text(
    source: Mapping[str, object], key: str, problems: Problems, *, most: int = SHORT
) -> str | None:
    """Returns at most the first `most` characters of a text."""
    value = source.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        return refuse(problems, key, value, "it is no text")
    if value.isascii() and len(value) <= most and "\x00" not in value:  # Nearly all are.
        return value
    if len(value) > most:
        problems.append(f"{key} has {len(value):,} characters; the first {most:,} are shown")
    return clean(value)[:most]


def identifier(source: Mapping[str, object], key: str, problems: Problems) -> str | None:
    """Returns the ID of something else than the backup itself; what cannot be one (`ids`) is
    no key to anything.
    """
    value = source.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return refuse(problems, key, value, "it is no text")
    why = why_no_id(value)
    if why is not None:
        return refuse(problems, key, value, why)
    return normal(value)


def number(source: Mapping[str, object], key: str, problems: Problems) -> float | None:
    """Returns a finite number >= 0; numeric text counts, a boolean does not (API.md §11.4)."""
    value = source.get(key)
    if value is None or value == "":
        return None
    result = _float(value)
    if not math.isfinite(result) or result < 0:
        return refuse(problems, key, value, "it is no number from 0 on")
    return result


def _float(value: object) -> float:
    """Returns NaN for what is no number, and for one that no database holds."""
    if isinstance(value, bool):
        return math.nan
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value.strip()) else math.nan
    if isinstance(value, int | float):
        return float(value) if abs(value) < BIGINT else math.nan
    return math.nan


def integer(
    source: Mapping[str, object],
    key: str,
    problems: Problems,
    *,
    least: int = 0,
    most: int = BIGINT,
) -> int | None:
    """Returns a whole number in [least, most]; `"2"`, `2` and `2.0` are the same, `""` is nothing,
    `true` is no number.
    """
    value = source.get(key)
    if value is None or value == "":
        return None
    result = _whole(value)
    if result is not None and least <= result <= most:
        return result
    if most < BIGINT:
        span = f"from {least} to {most}"
    elif least < 0:
        span = "that can be stored"
    else:
        span = "from 0 on"
    return refuse(problems, key, value, f"it is no whole number {span}")


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    if not isinstance(value, str):
        return None
    if value.isascii() and value.isdecimal() and len(value) < 19:  # Nearly all texts are.
        return int(value)
    digits = value.strip()
    if len(digits) > 40 or not _NUMBER.fullmatch(digits):
        return None
    return int(digits) if digits.lstrip("+-").isdecimal() else _whole(float(digits))


def flag(source: Mapping[str, object], key: str, problems: Problems) -> bool | None:
    """Returns true or false, also where it is written as a text."""
    value = source.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    return refuse(problems, key, value, "it is neither true nor false")


def instant(source: Mapping[str, object], key: str, problems: Problems) -> datetime | None:
    """Returns an aware UTC time; the API gives no zone and means UTC (API.md §11.13)."""
    value = source.get(key)
    if value is None or value == "":
        return None
    try:
        time = datetime.fromisoformat(value.strip() if isinstance(value, str) else "")
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return refuse(problems, key, value, "it is no time in ISO 8601")
    if time.year not in _YEARS:
        return refuse(problems, key, value, "the year is not plausible")
    return time


def links(source: Mapping[str, object], problems: Problems) -> list[Link]:
    """Returns the `{rel, href}` pairs, as text: what the server believes its address
    to be (API.md §11.14).
    """
    value = source.get("links")
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    pairs: list[Link] = []
    for item in items:
        link = _link(item)
        if link is not None:
            pairs.append(link)
    if len(pairs) != len(items):
        wrong = len(items) - len(pairs)
        refuse(problems, "links", value, f"{wrong} of them are not pairs of rel and href")
    elif len(pairs) > MAX_LINKS:
        problems.append(f"links has {len(pairs):,} entries; the first {MAX_LINKS} are shown")
    return pairs[:MAX_LINKS]


def _link(item: object) -> Link | None:
    if not isinstance(item, dict):
        return None
    rel = item.get("rel")
    href = item.get("href")
    if not isinstance(rel, str) or not isinstance(href, str):
        return None
    return {"rel": clean(rel)[:SHORT], "href": clean(href)[:HREF]}


def parse_json(value: str) -> object:
    """Returns the value inside a JSON text; None when it is none. Numbers too long for Python stay
    as their text.
    """
    try:
        return json.loads(value, parse_int=_int_or_text)
    except (ValueError, RecursionError):
        return None


def _int_or_text(digits: str) -> int | str:
    return int(digits) if len(digits) <= 300 else digits


def storable(value: Any, depth: int = 0) -> Any:
    """Returns a JSON value that both databases take: clean text, finite numbers,
    at most 20 levels.
    """
    if isinstance(value, str):
        return clean(value)[:LONG]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict | list) and depth >= MAX_DEPTH:
        return "[nested too deeply to be shown]"
    if isinstance(value, dict):
        return {clean(str(k))[:SHORT]: storable(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [storable(item, depth + 1) for item in value]
    return value
