"""Key material never leaves the ground floor: a non-empty `VK` becomes "[redacted]" wherever it stands in an answer."""

import json
import re
from typing import Any

REDACTED = "[redacted]"
MAX_DEPTH = 100  # deeper than any answer; what is nested deeper is replaced by its absence of meaning, null
# A VK key in JSON text, its quotes escaped or single; the key's letters may be written as \u escapes.
_KEY = re.compile(r"""\\*["'](?:V|\\+u0056)(?:K|\\+u004[bB])\\*["']\s*:\s*""")
_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|null\b', re.DOTALL)


def redact(value: Any, depth: int = 0) -> Any:
    """The same JSON value with every non-empty VK replaced; everything else is equal to what came."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | dict) and depth > MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [redact(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {k: REDACTED if k == "VK" and _filled(v) else redact(v, depth + 1) for k, v in value.items()}
    return value


def _filled(value: Any) -> bool:
    return value is not None and value != ""


def _text(text: str) -> str:
    if not _KEY.search(text):
        return text
    masked, whole = _mask(text), _parse(text)
    clean = redact(whole)
    # A text that parses stays as it was written; where the mask took more than the value, it is written anew.
    return masked if whole is None or _parse(masked) == clean else json.dumps(clean)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _mask(text: str) -> str:
    """Replace each value; one that is cut off or no plain string takes the rest of the text with it."""
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
