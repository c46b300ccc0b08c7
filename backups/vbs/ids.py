"""Decides what can be the ID of a volume, project, snapshot or image: one rule for
clouds, people and addresses.

An ID has 1 to 255 characters: letters, digits, `_`, `.`, `:` and `-`, the first of them a letter or
a digit. So it stands in an address as it is, and leads to no other page. A text that only says
"none" is no ID: `null` and its kin, and zeros: a backup that was imported into stock Cinder names
the volume 00000000-0000-0000-0000-000000000000. A UUID is the same in upper and lower case.
People write a UUID in more ways than a cloud does: without hyphens, in braces, as a URN.
"""

import re
import uuid
from typing import Final

from backups.vbs.folding import visible

PATTERN: Final = "[0-9A-Za-z][0-9A-Za-z_.:-]{0,254}"
RULE: Final = (
    "an ID has at most 255 letters, digits, _ . : or -, and begins with a letter or a digit"
)
PATTERN_OF_ID: Final = re.compile(PATTERN)
# A UUID as the API writes it.
HYPHENATED: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEXADECIMAL = re.compile(r"[0-9a-f]{8,32}")  # the first group of a UUID, or more
# What people and programs put around an ID.
_AROUND = "\"'`{}()[]<>"
_URN = "urn:uuid:"
_LONGEST_SPELLING = 300  # characters, of which many may be invisible
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


def read_uuid(text: str) -> uuid.UUID | None:
    """Returns the UUID that a person wrote, in whatever spelling; None when it is none.

    In upper case, without hyphens, in braces or quotes, as `urn:uuid:…`, with wide digits, among
    blanks and what nobody sees.
    """
    if HYPHENATED.fullmatch(text):
        return uuid.UUID(text)
    text = text.strip()
    if len(text) > _LONGEST_SPELLING:
        return None
    bare = _bare(text)
    digits = bare.replace("-", "")
    if len(digits) != 32 or not _HEXADECIMAL.fullmatch(digits):
        return None
    value = uuid.UUID(digits)
    # Hyphens stand where they belong; some may be missing.
    is_in_order = re.fullmatch(str(value).replace("-", "-?"), bare) is not None
    return value if is_in_order else None


def written(text: str) -> str:
    """Returns the one spelling of an ID that a person wrote: a UUID in lower case with hyphens,
    others without what nobody sees. It need not be one.
    """
    value = read_uuid(text)
    if value is not None:
        return str(value)
    text = text.strip()
    return text if len(text) > _LONGEST_SPELLING else visible(text).strip()


def stored_spellings(text: str) -> tuple[str, ...]:
    """Returns the texts as which an ID that a person wrote may be stored, the likeliest first.

    A cloud's ID is stored as `normal` writes it, so one that it sent without hyphens has none.
    """
    value = read_uuid(text)
    if value is None:
        return tuple(dict.fromkeys((text, written(text))))
    spellings = (str(value), value.hex, value.hex.upper(), value.urn, normal(text))
    return tuple(dict.fromkeys(spellings))


def searched_spellings(text: str) -> tuple[str, ...]:
    """Returns what a search for this text looks for as well, in lower case: the spellings of the
    UUID, or of the beginning of one, that it is.
    """
    value = read_uuid(text)
    if value is not None:
        return (str(value), value.hex)
    text = text.strip()
    if len(text) > _LONGEST_SPELLING:
        return ()
    bare = _bare(text).rstrip("-")
    digits = bare.replace("-", "")
    if not _HEXADECIMAL.fullmatch(digits):
        return ()
    groups = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    beginning = "-".join(group for group in groups if group)
    return (beginning,) if bare in (digits, beginning) else ()


def _bare(text: str) -> str:
    """Returns in lower case what is left of an ID without what stands around it."""
    bare = visible(text).strip().strip(_AROUND).strip().lower()
    return bare.removeprefix(_URN).strip(_AROUND)
