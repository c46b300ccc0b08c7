"""The history of one backup, in pages."""

from typing import Final

from django.db.models import Q

from backups.models import Revision
from backups.query.definition import ListDefinition
from backups.query.fields import FilterField

REVISIONS: Final = ListDefinition(
    name="revisions",
    model=Revision,
    columns={"at": FilterField("at", "instant", False)},
    computed={},
    orders=("at",),
    default_order="-at",
    steady_order="at",
    ranks=(),
    with_tags=lambda tags: Q(pk__in=[]),
    containing=lambda text: Q(pk__in=[]),
)
