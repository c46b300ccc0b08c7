"""What the list of the trash can be filtered by."""

from collections.abc import Sequence
from typing import Final

from django.db.models import Q

from backups.models import TrashedBackup
from backups.models.trash import containing
from backups.query.definition import ListDefinition
from backups.query.fields import filter_fields

TRASH_FIELDS: Final = (
    "cloud",
    "backup_id",
    "name",
    "status",
    "volume_id",
    "created_at",
    "refreshed_at",
    "trashed_at",
    "by",
    "act",
)


def _with_tags(_tags: Sequence[str]) -> Q:
    """No row has tags that could be looked for."""
    return Q(pk__in=[])


TRASH: Final = ListDefinition(
    name="trash",
    model=TrashedBackup,
    columns=filter_fields(TrashedBackup, TRASH_FIELDS, choices={}),
    computed={},
    orders=("trashed_at",),
    default_order="-trashed_at",
    steady_order="trashed_at",
    ranks=(),
    with_tags=_with_tags,
    containing=containing,
)
