"""What all edits have in common: who makes them, how they are refused, which texts they take."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backups.analysis.numbers import thousands
from backups.clouds import registry
from backups.models import FULL_ACCESS, Access, Cloud
from backups.models.data_version import data_changed

MOST_TAGS = 50
LONGEST_TAG = 64  # characters
LONGEST_TEXT = 10_000  # characters
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")  # NUL, and halves of a pair of UTF-16


class BadValue(ValueError):
    """`field` is the one at fault; the text is a sentence."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class NotAllowed(Exception):
    """Somebody has the role and may not do this all the same; the text is a sentence."""


class Conflict(Exception):
    """Somebody else changed it meanwhile; nothing was written. `version` is the one
    that is there now.
    """

    def __init__(self, version: int, by: str | None) -> None:
        super().__init__(
            f"{by or 'Somebody'} changed this meanwhile: look at what is there now, then save "
            "again."
        )
        self.version = version


@dataclass(frozen=True)
class Actor:
    """Who changes something, and when; what he may, which is everything where it is the
    installation itself.
    """

    by: str
    now: datetime
    access: Access = FULL_ACCESS


def clean_text(field: str, value: str, *, max_length: int) -> str:
    """Returns the text without blanks around. Raises BadValue for one that is too long or
    that no database holds.
    """
    text = value.strip()
    if len(text) > max_length:
        raise BadValue(field, f"At most {thousands(max_length)} characters.")
    if _NOT_STORABLE.search(text):
        raise BadValue(field, "It holds a character that cannot be stored.")
    return text


def clean_tags(tags: Sequence[str]) -> list[str]:
    """Returns each tag once, without blanks around, in order of code points. Raises BadValue."""
    cleaned = {clean_text("tags", tag, max_length=LONGEST_TAG) for tag in tags}
    cleaned.discard("")
    if len(cleaned) > MOST_TAGS:
        raise BadValue("tags", f"At most {MOST_TAGS} tags.")
    return sorted(cleaned)


def ensure_cloud(name: str, access: Access = FULL_ACCESS) -> None:
    """Makes the row of a configured cloud. Raises BadValue for one that nobody knows, or that is
    not open to somebody: with the same sentence.
    """
    if not access.opens(name):
        raise _unknown_cloud(name)
    if name in registry.configured():
        _, is_new = Cloud.objects.get_or_create(name=name)
        if is_new:
            data_changed()
    elif not Cloud.objects.filter(name=name).exists():
        raise _unknown_cloud(name)


def _unknown_cloud(name: str) -> BadValue:
    return BadValue("cloud", f"“{name[:80]}” is no cloud that is known here.")
