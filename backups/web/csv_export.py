"""The address under which the API gives what the list of backups shows, as CSV."""

from collections.abc import Sequence

from django.http import QueryDict
from django.urls import reverse

from backups.edits.saved_views import TRANSIENT_KEYS
from backups.models import Access
from backups.reports.added_batch import added_at
from backups.web.added import read_batch

# Keys of the list's address that filter nothing.
NO_FILTERS = (*TRANSIENT_KEYS, "columns", "density")


def csv_url(
    query: QueryDict, ids: Sequence[str] = (), *, access: Access, for_excel: bool = False
) -> str | None:
    """Returns the address of the CSV of these backups, else of all that the list's address finds;
    None when it names a batch that nothing is left of.
    """
    filters = _api_filters(query, access)
    if ids:
        filters = QueryDict(mutable=True)
        filters.setlist("id", list(ids))
    if filters is None:
        return None
    if for_excel:
        filters["excel"] = "1"
    text = filters.urlencode()
    return f"{reverse('api-csv')}{'?' if text else ''}{text}"


def volumes_csv_url(query: QueryDict, *, for_excel: bool = False) -> str:
    """Returns the address of the CSV of all disks that the list's address finds."""
    filters = query.copy()
    for key in (*NO_FILTERS, "days"):
        filters.pop(key, None)
    for key in list(filters):
        if not any(filters.getlist(key)):
            del filters[key]
    if for_excel:
        filters["excel"] = "1"
    text = filters.urlencode()
    return f"{reverse('api-volumes-csv')}{'?' if text else ''}{text}"


def _api_filters(query: QueryDict, access: Access) -> QueryDict | None:
    """Returns the list's filters as the API knows them; None when they name a batch that
    nothing is left of.
    """
    filters = query.copy()
    for key in NO_FILTERS:
        filters.pop(key, None)
    for key in list(filters):
        if not any(filters.getlist(key)):
            del filters[key]
    if "added" in filters:
        # The API knows no batches, but the backups of one were added at one instant.
        batch = read_batch(filters.pop("added")[-1])
        instant = added_at(batch, access=access) if batch else None
        if instant is None:
            return None
        text = instant.isoformat().replace("+00:00", "Z")
        filters["tracked_at_after"] = text
        filters["tracked_at_before"] = text
    return filters
