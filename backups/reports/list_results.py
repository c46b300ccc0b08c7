"""How many rows of a list match a query, and which are on a page of it: found once for all who may
see the same clouds.
"""

from collections.abc import Callable

from backups.models import Access
from backups.query.definition import ListDefinition
from backups.query.list_query import ListQuery
from backups.query.page import Kept, Result, nothing_kept
from backups.reports.computed_once import computed_once
from backups.reports.data_version import Versions

# By these other rows match, or come first, once backups were only found unchanged.
TOUCHED = frozenset({"refreshed_at", "attempted_at", "next_refresh_at", "stale_at"})


def kept_results(
    definition: ListDefinition, query: ListQuery, versions: Versions | None, *, access: Access
) -> Kept:
    """Returns what knows the results of a query for `Pages`; without versions, nothing."""
    if versions is None:
        return nothing_kept
    filtered_by = {comparison.field for comparison in query.comparisons}

    def kept(what: object, compute: Callable[[], Result], *, ordering: str = "") -> Result:
        fields = {*filtered_by, ordering.removeprefix("-")}
        return computed_once(
            f"list-{definition.name}",
            compute,
            version=versions.content if fields.isdisjoint(TOUCHED) else versions.whole,
            access=access,
            of=(what, ordering, query.comparisons, query.tags, query.q),
        )

    return kept
