"""How many rows of a list match a query, counted once for all who may see the same clouds."""

from collections.abc import Callable

from backups.models import Access
from backups.query.definition import ListDefinition
from backups.query.list_query import ListQuery
from backups.query.page import Counted
from backups.reports.computed_once import computed_once
from backups.reports.data_version import Versions

# Filters by these match other rows once backups were only found unchanged.
TOUCHED = frozenset({"refreshed_at", "attempted_at", "next_refresh_at", "stale_at"})


def counted_once(
    definition: ListDefinition, query: ListQuery, versions: Versions | None, *, access: Access
) -> Counted:
    """Returns who counts the matches of a query for `Pages`; without versions, always anew."""
    version: str | None = None
    if versions is not None:
        fields = {comparison.field for comparison in query.comparisons}
        version = versions.content if fields.isdisjoint(TOUCHED) else versions.whole
    of = (definition.name, query.comparisons, query.tags, query.q)

    def counted(count: Callable[[], int]) -> int:
        return computed_once("matching", count, version=version, access=access, of=of)

    return counted
