"""Decides what can be the ID of a disk, project, snapshot or image: one rule for clouds, people and addresses.

An ID has 1 to 255 characters: letters, digits, `_`, `.`, `:` and `-`, the first of them a letter or a digit. So it
stands in an address as it is, and leads to no other page. A text that only says "none" is no ID: `null` and its kin,
and zeros: a backup that was imported into stock Cinder names the disk 00000000-0000-0000-0000-000000000000.
"""

import re
from typing import Final

PATTERN: Final = "[0-9A-Za-z][0-9A-Za-z_.:-]{0,254}"
RULE: Final = "an ID has at most 255 letters, digits, _ . : or -, and begins with a letter or a digit"
_ID = re.compile(PATTERN)
_NONE = re.compile("0[0-]*|null|none|nil|undefined", re.IGNORECASE)


def why_no_id(value: str) -> str | None:
    """Says in words why this cannot be an ID; None when it can be one."""
    if _NONE.fullmatch(value):
        return "it stands for none"
    if not _ID.fullmatch(value):
        return RULE
    return None
