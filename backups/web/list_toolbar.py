"""What surrounds the rows of the list: heads that order, tabs that lead to views."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.http import QueryDict

from backups.analysis.sizes import Unit
from backups.edits.saved_views import lasting_query
from backups.models import SavedView
from backups.query.list_query import ListQuery
from backups.web.chips import query_with
from backups.web.columns import ChosenColumns, Column
from backups.web.saved_views import list_url

# What has a field in the form of filters.
FIELDS = (
    "q",
    "status",
    "cloud",
    "kind",
    "tracking_state",
    "tag",
    "created_at_after",
    "created_at_before",
    "size_min",
    "chain_size_mb_min",
)
ORDERS = {
    "-created_at": "newest first",
    "created_at": "oldest first",
    "attention": "worst first",
    "-attention": "worst last",
    "status": "status A–Z",
    "-status": "status Z–A",
    "name": "name A–Z",
    "-name": "name Z–A",
    "cloud": "cloud A–Z",
    "-cloud": "cloud Z–A",
    "volume_name": "disk A–Z",
    "-volume_name": "disk Z–A",
    "volume_id": "disk ID A–Z",
    "-volume_id": "disk ID Z–A",
    "-size": "largest disk first",
    "size": "smallest disk first",
    "-chain_size_mb": "largest chain first",
    "chain_size_mb": "smallest chain first",
    "-refreshed_at": "newest answer first",
    "refreshed_at": "oldest answer first",
    "label": "label A–Z",
    "-label": "label Z–A",
    "last_good_at": "oldest restore point first",
    "-last_good_at": "newest restore point first",
    "late_at": "due soonest first",
    "-late_at": "due last first",
    "overdue_at": "overdue soonest first",
    "-overdue_at": "overdue last first",
    "id": "ID A–Z",
    "-id": "ID Z–A",
}
# Columns that stand in each row.
STATUS = Column("attention", "Status", order="attention", shows_from="")
NAME = Column("name", "Name", order="name", classes="name", shows_from="")
REFRESHED = Column(
    "refreshed_at", "Known", order="-refreshed_at", classes="num known", shows_from=""
)


class BuiltInView(NamedTuple):
    """A view that everybody has, with the attributes of a saved one."""

    name: str
    query: str
    is_default: bool = False


# The query of the list that nothing filters; the bare address may show a view.
EVERYTHING = "view=all"
BUILT_IN_VIEWS = (
    BuiltInView("Worst first", "ordering=attention"),
    BuiltInView("Failed", "group=failed"),
    BuiltInView("In flight", "group=in_flight"),
    BuiltInView("Biggest chains", "ordering=-chain_size_mb"),
    BuiltInView("All", ""),
)

VOLUME_VIEWS = (
    BuiltInView("Worst first", ""),
    BuiltInView("Not protected", "protection=overdue&protection=never"),
    BuiltInView("Oldest restore point first", "ordering=last_good_at"),
    BuiltInView("Biggest chains", "ordering=-chain_size_mb"),
)


@dataclass(frozen=True)
class Head:
    """`sort` is aria-sort; `href` asks for the order that a press means."""

    label: str
    unit: str
    classes: str
    href: str
    sort: str
    arrow: str


@dataclass(frozen=True)
class Heads:
    """`refreshed` is over how old the knowledge is; `others` are over the chosen columns."""

    status: Head
    name: Head
    others: list[Head]
    refreshed: Head


@dataclass(frozen=True)
class Tab:
    name: str
    href: str
    here: bool
    is_default: bool


def heads(
    query: QueryDict, selection: ListQuery, columns: ChosenColumns, units: Mapping[str, Unit]
) -> Heads:
    ordering = selection.ordering
    return Heads(
        status=head(query, ordering, STATUS),
        name=head(query, ordering, NAME),
        others=[
            head(query, ordering, column, units.get(column.field)) for column in columns.columns
        ],
        refreshed=head(query, ordering, REFRESHED),
    )


def head(query: QueryDict, ordering: str, column: Column, unit: Unit | None = None) -> Head:
    """Returns the head of a column in a list that is in this order; `unit`: of its sizes."""
    unit_name = unit.name if unit else column.unit
    plain = Head(column.label, unit_name, column.css, href="", sort="", arrow="")
    if not column.order:
        return plain
    field = ordering.lstrip("-")
    if field != column.order.lstrip("-"):
        return replace(
            plain, href=query_with(query, bare=EVERYTHING, ordering=column.order), sort="none"
        )
    is_descending = ordering.startswith("-")
    opposite = field if is_descending else f"-{field}"
    # "attention" begins with the worst, which is the top of a scale that descends.
    reads_descending = is_descending != (field == "attention")
    return replace(
        plain,
        href=query_with(query, bare=EVERYTHING, ordering=opposite),
        sort="descending" if reads_descending else "ascending",
        arrow="↓" if reads_descending else "↑",
    )


def tabs(
    query: QueryDict,
    views: Sequence[SavedView],
    built_in: Sequence[BuiltInView] = BUILT_IN_VIEWS,
    list_url: Callable[[str], str] = list_url,
) -> list[Tab]:
    """Returns the reader's views and the built-in ones; the first that is this
    very list is `here`.
    """
    current = _canonical(lasting_query(query))
    is_marked = False
    result = []
    all_views: list[SavedView | BuiltInView] = [*views, *built_in]
    for view in all_views:
        here = not is_marked and _canonical(view.query) == current
        is_marked = is_marked or here
        result.append(Tab(view.name, list_url(view.query), here, view.is_default))
    return result


def _canonical(text: str) -> list[tuple[str, list[str]]]:
    return sorted((key, sorted(values)) for key, values in QueryDict(text).lists())
