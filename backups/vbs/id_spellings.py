"""Reads IDs that people write, and says in which spellings one may be stored.

A cloud writes a UUID in one way (`ids.normal`), people in many: see `id_text`.
"""

import re
import uuid
from typing import Final
from urllib.parse import unquote

from backups.vbs import id_text
from backups.vbs.folding import as_seen
from backups.vbs.ids import HYPHENATED, normal

_LONGEST: Final = 300  # characters of a spelling, of which many may be invisible
# What may stand before the beginning of a UUID that is searched.
_BEFORE: Final = " \"'{"
_BEHIND: Final = "-.…"  # where it was cut off
_URN: Final = "urn:uuid:"
_WHOLE: Final = re.compile(
    r"(?<![0-9a-z])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})(?![0-9a-z])"
)
_DIGITS: Final = re.compile(r"[0-9a-f]{8,31}")  # the first group of a UUID, or more


def read_uuid(text: str) -> uuid.UUID | None:
    """Returns the UUID that a person wrote, in whatever spelling; None when it is none."""
    if HYPHENATED.fullmatch(text):
        return uuid.UUID(text)
    # Programs on the way may have escaped an address that was escaped already.
    text = unquote(text.strip())
    spelled = id_text.canonical(text) if len(text) <= _LONGEST else None
    return uuid.UUID(spelled) if spelled else None


def written(text: str) -> str:
    """Returns the one spelling of an ID that a person wrote: a UUID in lower case with hyphens,
    others without what nobody sees. It need not be an ID.
    """
    value = read_uuid(text)
    if value is not None:
        return str(value)
    text = text.strip()
    return text if len(text) > _LONGEST else as_seen(text).strip()


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
    """Returns what a search for this text looks for as well, in lower case: the spellings of each
    UUID in it, as in a link, or of the beginning of one that it is.
    """
    value = read_uuid(text)
    if value is not None:
        return (str(value), value.hex)
    text = unquote(text.strip())
    if len(text) > _LONGEST:
        return ()
    readable = id_text.plain(text).lower()
    whole: list[str] = []
    for spelled in _WHOLE.findall(readable):
        value = uuid.UUID(spelled)
        whole += [str(value), value.hex]
    return tuple(whole) or _beginning(readable)


def _beginning(text: str) -> tuple[str, ...]:
    """Returns the beginning of a UUID as it is stored; nothing when the text is none."""
    bare = text.strip(_BEFORE).removeprefix(_URN).strip(_BEFORE).rstrip(_BEHIND)
    digits = bare.replace("-", "")
    if not _DIGITS.fullmatch(digits):
        return ()
    groups = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    beginning = "-".join(group for group in groups if group)
    return (beginning,) if bare in (digits, beginning) else ()
