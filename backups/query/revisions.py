"""The history of one backup, in pages."""

from typing import Final

from django.db.models import Q

from backups.models import Revision
from backups.query.definition import Listing
from backups.query.fields import Word

REVISIONS: Final = Listing(
    name="revisions",
    model=Revision,
    columns={"at": Word("at", "instant", False)},
    derived={},
    orders=("at",),
    default_order="-at",
    ranks=(),
    tagged=lambda tags: Q(pk__in=[]),
    search=lambda text: Q(pk__in=[]),
)
