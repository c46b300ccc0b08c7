"""Key material never leaves the ground floor: a non-empty `VK` becomes "[redacted]" wherever it
stands in an answer.
"""

import json
import re
from typing import Any

REDACTED = "[redacted]"
# levels, far deeper than any answer; what is nested deeper cannot be written as JSON and becomes
# null
MAX_DEPTH = 300
# A VK key in JSON text, its quotes escaped, single or left out; its letters may be written as \u
# escapes.
_KEY = re.compile(r"""(?:\\*["'](?:V|\\+u0056)(?:K|\\+u004[bB])\\*["']|(?<=[{,])\s*VK)\s*:\s*""")
_ONE = re.compile(r'(?<!\\)"VK"\s*:\s*"([^"\\]*)"')  # how clouds write it: once, as a plain string
_NESTED = (list, dict)
_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|null\b', re.DOTALL)


def redact(value: Any) -> Any:
    """The same JSON value with every non-empty VK replaced; everything else is equal to what
    came.
    """
    holder: list[Any] = [value]
    waiting: list[tuple[Any, int]] = [
        (holder, 0)
    ]  # copies whose values are not looked at yet, and their level
    while waiting:  # not by recursion: a body may be nested deeper than Python calls may be
        copy, depth = waiting.pop()
        for key, found in list(copy.items()) if isinstance(copy, dict) else enumerate(copy):
            if isinstance(found, str):
                if "VK" in found or "\\u00" in found:
                    copy[key] = _text(found)
            elif isinstance(found, _NESTED):
                copy[key] = None if depth > MAX_DEPTH else found.copy()
                waiting += [(copy[key], depth + 1)] if copy[key] else []
        if isinstance(copy, dict) and _filled(copy.get("VK")):
            copy["VK"] = REDACTED
    return holder[0]


def _filled(value: Any) -> bool:
    return value is not None and value != ""


def _text(text: str) -> str:
    """What may have a VK, or letters of one as escapes, with its value replaced."""
    if (
        "\\u00" not in text and text.count("VK") == 1 and (one := _ONE.search(text))
    ):  # no need to parse
        return f"{text[: one.start(1)]}{REDACTED}{text[one.end(1) :]}" if one[1] else text
    if not _KEY.search(text):
        return text
    masked, whole = _mask(text), _parse(text)
    clean = redact(whole)
    if whole is not None and clean == whole:
        return text  # only empty ones
    # A text that parses stays as it was written; where the mask took more than the value, it is
    # written anew.
    return masked if whole is None or _parse(masked) == clean else json.dumps(clean)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _mask(text: str) -> str:
    """Replace each value; one that is cut off or no plain string takes the rest of the text with
    it.
    """
    parts: list[str] = []
    at = 0
    while key := _KEY.search(text, at):
        value = _VALUE.match(text, key.end())
        parts.append(text[at : key.end()])
        if value is None:
            return "".join([*parts, f'"{REDACTED}"'])
        parts.append(value[0] if value[0] in ('""', "null") else f'"{REDACTED}"')
        at = value.end()
    return "".join([*parts, text[at:]])
