"""The list of backups as the web page shows it, and all that one selection of it holds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.db.models import Q

from backups.models import Access, Backup
from backups.query.backups import BACKUPS, left_out
from backups.query.definition import ComputedField
from backups.query.fields import FilterField
from backups.query.list_query import ListQuery
from backups.query.page import Pages
from backups.reports.data_version import Versions
from backups.reports.list_results import kept_results


def _in_batches(batches: Sequence[object], now: datetime) -> Q:
    return Q(added_batch__in=batches)


# The page has one filter more than the API: `added`, the backups of one use of the add form.
PAGE_BACKUPS: Final = replace(
    BACKUPS,
    computed={
        **BACKUPS.computed,
        "added": ComputedField(FilterField("added", "id", False), _in_batches),
    },
)


def backup_pages(
    selection: ListQuery, now: datetime, *, access: Access, versions: Versions | None = None
) -> Pages:
    """Returns the pages of a selection of PAGE_BACKUPS; rows can be asked for `tracking_state`.
    With `versions` what is on a page is found once for all who may see the same clouds.
    """
    rows = Backup.objects.visible_to(access).with_tracking_state(now)
    kept = kept_results(PAGE_BACKUPS, selection, versions, access=access)
    once = left_out(selection, access)
    return Pages(PAGE_BACKUPS, selection, now, rows=rows, kept=kept, left_out=once)


def backup_ids(selection: ListQuery, now: datetime, *, access: Access) -> list[str]:
    """Returns the ID of every backup of a selection of PAGE_BACKUPS, in no order."""
    rows = Backup.objects.visible_to(access)
    once = left_out(selection, access)
    matching = Pages(PAGE_BACKUPS, selection, now, rows=rows, left_out=once).matching
    return [str(pk) for pk in matching.values_list("pk", flat=True)]
