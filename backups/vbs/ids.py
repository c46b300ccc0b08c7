"""Decides what can be the ID of a volume, project, snapshot or image: one rule for
clouds, people and addresses.

An ID has 1 to 255 characters: letters, digits, `_`, `.`, `:` and `-`, the first of them a letter or
a digit. So it stands in an address as it is, and leads to no other page. A text that only says
"none" is no ID: `null` and its kin, and zeros: a backup that was imported into stock Cinder names
the volume 00000000-0000-0000-0000-000000000000. A UUID is the same in upper and lower case.
How people write one is in `id_spellings`.
"""

import re
from typing import Final

PATTERN: Final = "[0-9A-Za-z][0-9A-Za-z_.:-]{0,254}"
RULE: Final = (
    "an ID has at most 255 letters, digits, _ . : or -, and begins with a letter or a digit"
)
PATTERN_OF_ID: Final = re.compile(PATTERN)
# A UUID as the API writes it.
HYPHENATED: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NONE = re.compile(
    r"(?:urn:uuid:)?0[0x._:-]*|f{8}(?:-f{4}){3}-f{12}|null|none|nil|undefined|nan|na|n[._-]a"
    r"|unknown|unset|not[_.-]set|empty|false",
    re.IGNORECASE,
)


def why_no_id(value: str) -> str | None:
    """Returns in words why this cannot be an ID; None when it can be one."""
    if stands_for_none(value):
        return "it stands for none"
    if not PATTERN_OF_ID.fullmatch(value):
        return RULE
    return None


def stands_for_none(value: str) -> bool:
    return _NONE.fullmatch(value) is not None


def is_backup_id(value: object) -> bool:
    """Can a list's entry with this ID be asked for singly?"""
    return (
        isinstance(value, str)
        and HYPHENATED.fullmatch(value) is not None
        and not stands_for_none(value)
    )


def normal(value: str) -> str:
    """Returns one spelling of an ID: UUIDs in lower case, others as they are."""
    return value.lower() if HYPHENATED.fullmatch(value) else value
