"""Judges single values of an entry of clouds.yaml, or of the `OS_*` variables.

YAML reads more than people mean: `no` is false, `007` is seven, `12:30` is 750, `2026-11-29` is a
date. Such a value is refused with its cure instead of being sent as something else. No sentence
quotes a value of `auth`, which may be a password.
"""

import re
import unicodedata
from datetime import date

_YAML_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "put the value in quotes, YAML takes yes, no, on, off, true and false for truth values"),
    (int, "put the value in quotes, YAML takes it for a number and drops zeros in front"),
    (float, "put the value in quotes, YAML takes it for a number"),
    (date, "put the value in quotes, YAML takes it for a date"),
    (list, "write one value, no list"),
    (dict, "write one value, no mapping"),
)
LONGEST = 2000  # Characters of an address, a path or a name.
SECRETS = re.compile("password|secret|token|passcode|^sk$")
# What nobody filled in: ${NAME}, {{ name }}, <name>, %NAME%, <%= name %>, and what sops encrypted.
_PLACEHOLDER = re.compile(
    r"\$\{[A-Za-z_][^{}]*\}|\{\{.*\}\}|<[A-Za-z][A-Za-z0-9 _.-]*>|%[A-Z][A-Z0-9_]+%"
    r"|<%.*%>|ENC\[[A-Z0-9_]+,data:.*\]",
    re.DOTALL,
)
_VARIABLE_INSIDE = re.compile(r"\$\{[A-Za-z_][^{}]*\}|\{\{.*\}\}", re.DOTALL)


def why_no_text(value: object) -> str | None:
    """Returns why a value is no text, with the cure; None for a text."""
    if isinstance(value, str):
        return None
    for yaml_type, why in _YAML_TYPES:
        if isinstance(value, yaml_type):
            return f"is no text: {why}"
    return "is no text: put the value in quotes"


def why_odd(key: str, text: str) -> str | None:
    """Returns what about a text cannot be meant, with the cure; None for a good one."""
    is_secret = SECRETS.search(key) is not None
    if not is_secret and len(text) > LONGEST:
        return f"is longer than {LONGEST:,} characters: correct it"
    placeholder = _PLACEHOLDER.fullmatch(text)
    if placeholder is None and not is_secret:
        placeholder = _VARIABLE_INSIDE.search(text)
    if placeholder is not None:
        return "is a placeholder that nothing has filled in: write the value itself"
    if text.endswith(("\n", "\r")):
        return "ends with a line break: remove it (in YAML write |- instead of |)"
    for place, character in enumerate(text, start=1):
        is_at_an_end = place in (1, len(text))
        if _is_odd(character, is_secret=is_secret, is_at_an_end=is_at_an_end):
            name = unicodedata.name(character, "a control character")
            return f"has an invisible character ({name}) at place {place}: remove it"
    if text != text.strip() and not is_secret:
        return "begins or ends with a blank: remove it"
    return None


def _is_odd(character: str, *, is_secret: bool, is_at_an_end: bool) -> bool:
    """Is a character invisible? A secret may have what it likes but control characters, and at
    its ends what comes from pasting.
    """
    category = unicodedata.category(character)
    if category == "Cc":
        return True
    is_invisible = category in {"Cf", "Zl", "Zp"} or (category == "Zs" and character != " ")
    return is_invisible and (is_at_an_end or not is_secret)
