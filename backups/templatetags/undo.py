"""The way back that a message offers."""

import uuid

from django import template

from backups.vbs.id_spellings import read_uuid
from backups.web.untrack import UNDO

register = template.Library()


@register.filter
def undone_act(tags: str) -> uuid.UUID | None:
    """Returns the act that a message with these tags offers to take back."""
    for tag in (tags or "").split():
        if tag.startswith(UNDO):
            return read_uuid(tag.removeprefix(UNDO))
    return None
