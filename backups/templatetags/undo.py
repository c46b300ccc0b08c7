"""The way back that a message offers."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django import template
from django.urls import reverse

from backups.vbs.id_spellings import read_uuid
from backups.web.alarm_acts import UNDO_ALARMS, UNDO_SILENCES
from backups.web.untrack import UNDO

register = template.Library()
_NUMBERS = re.compile("[0-9]+(-[0-9]+)*")


@dataclass(frozen=True)
class Undo:
    """A form that takes an act back: where it is sent, and its one field with all its values."""

    url: str
    field: str
    values: Sequence[str]


@register.filter
def undo_of_alarms(tags: str) -> Undo | None:
    """Returns how an acknowledgement or a silence is taken back that a message tells of."""
    for tag in (tags or "").split():
        for prefix, url_name, field in (
            (UNDO_ALARMS, "alarm_take_back", "id"),
            (UNDO_SILENCES, "silence_end", "silence"),
        ):
            numbers = tag.removeprefix(prefix)
            if tag.startswith(prefix) and _NUMBERS.fullmatch(numbers):
                return Undo(reverse(url_name), field, numbers.split("-"))
    return None


@register.filter
def undone_act(tags: str) -> uuid.UUID | None:
    """Returns the act that a message with these tags offers to take back."""
    for tag in (tags or "").split():
        if tag.startswith(UNDO):
            return read_uuid(tag.removeprefix(UNDO))
    return None
