"""Addresses of pages of which a list has many links.

To look one up in the routes takes longer than to write the rest of its row, so those of late are
remembered, with the prefix of the request, which a proxy decides.
"""

import uuid
from functools import lru_cache

from django.urls import get_script_prefix, reverse

REMEMBERED = 10_000


def backup_url(backup_id: uuid.UUID | str) -> str:
    """Returns the path of a backup's page."""
    return page_url("backup", backup_id)


def page_url(name: str, *args: object) -> str:
    """Returns the path of a page. Raises NoReverseMatch."""
    return _remembered(get_script_prefix(), name, *args)


@lru_cache(maxsize=REMEMBERED)
def _remembered(_prefix: str, name: str, *args: object) -> str:
    return reverse(name, args=args)
