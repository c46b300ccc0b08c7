"""Key material never leaves the ground floor: a non-empty `VK` becomes "[redacted]" wherever it
stands in an answer.
"""

import json
import re
from typing import Any, TypeVar

REDACTED = "[redacted]"
# Levels, far deeper than any answer; what is nested deeper cannot be written as JSON and becomes
# null.
MAX_DEPTH = 300
# A VK key in JSON text, its quotes escaped, single or left out; its letters may be written as \u
# escapes.
_KEY = re.compile(r"""(?:\\*["'](?:V|\\+u0056)(?:K|\\+u004[bB])\\*["']|(?<=[{,])\s*VK)\s*:\s*""")
_PLAIN_VK = re.compile(r'(?<!\\)"VK"\s*:\s*"([^"\\]*)"')  # As clouds write it: a plain string.
_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|null\b', re.DOTALL)
_EMPTY_VALUES = ('""', "null")

Json = TypeVar("Json")


def redact(value: Json) -> Json:
    """Returns the same JSON value with every non-empty VK replaced; everything else is
    equal to what came.
    """
    root = [value]
    # Copies whose values nobody has looked at yet, and their level. Not by recursion: a body may be
    # nested deeper than Python calls may be.
    waiting: list[tuple[Any, int]] = [(root, 0)]
    while waiting:
        container, depth = waiting.pop()
        nested = _redact_values(container, drop_nested=depth > MAX_DEPTH)
        waiting += [(copy, depth + 1) for copy in nested]
    return root[0]


def _redact_values(container: Any, *, drop_nested: bool) -> list[Any]:
    """Replaces the texts of one object or list in place, and what is nested in it by
    copies, which it returns.
    """
    copies = []
    items = container.items() if isinstance(container, dict) else enumerate(container)
    for key, item in list(items):
        if isinstance(item, str):
            if "VK" in item or "\\u00" in item:
                container[key] = _redacted_text(item)
        elif isinstance(item, dict | list):
            container[key] = None if drop_nested else item.copy()
            if container[key]:
                copies.append(container[key])
    if isinstance(container, dict) and container.get("VK") not in (None, ""):
        container["VK"] = REDACTED
    return copies


def _redacted_text(text: str) -> str:
    """Returns a text with the value of every VK in it replaced, its letters written
    as escapes or not.
    """
    if "\\u00" not in text and text.count("VK") == 1:
        plain = _PLAIN_VK.search(text)
        if plain is not None:  # No need to parse.
            if not plain[1]:
                return text
            return f"{text[: plain.start(1)]}{REDACTED}{text[plain.end(1) :]}"
    if not _KEY.search(text):
        return text
    masked = _mask(text)
    parsed = _parse(text)
    if parsed is None:
        return masked
    redacted = redact(parsed)
    if redacted == parsed:
        return text  # Only empty ones.
    # A text that parses stays as it was written; where the mask took more than the value, it is
    # written anew.
    return masked if _parse(masked) == redacted else json.dumps(redacted)


def _parse(text: str) -> object:
    """Returns the value of a JSON text; None when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _mask(text: str) -> str:
    """Replaces each value; one that is cut off or no plain string takes the rest of
    the text with it.
    """
    parts: list[str] = []
    at = 0
    while key := _KEY.search(text, at):
        parts.append(text[at : key.end()])
        value = _VALUE.match(text, key.end())
        if value is None:
            parts.append(f'"{REDACTED}"')
            return "".join(parts)
        parts.append(value[0] if value[0] in _EMPTY_VALUES else f'"{REDACTED}"')
        at = value.end()
    parts.append(text[at:])
    return "".join(parts)
