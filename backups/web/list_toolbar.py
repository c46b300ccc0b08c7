"""What surrounds the rows of the list: heads that order, chips that remove, tabs that lead to
views.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import QueryDict

from backups.edits.saved_views import lasting_query
from backups.models import SavedView
from backups.query.list_query import ListQuery
from backups.web.columns import Chosen, Column
from backups.web.saved_views import address

SHOWN_AS_FIELDS = ("q", "status", "cloud", "kind")
FIELDS = (
    *SHOWN_AS_FIELDS,
    *(
        "tracking_state",
        "tag",
        "created_at_after",
        "created_at_before",
        "size_min",
        "chain_size_mb_min",
    ),
)
INSTANT, SHORT = re.compile(r"T([0-9:]{8})(\.[0-9]+)?Z$"), r" \1 UTC"
PASSING = ("cursor", "all", "added")  # a link to another order or filter begins anew
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
    "volume_id": "disk ID A–Z",
    "-volume_id": "disk ID Z–A",
    "-size": "largest disk first",
    "size": "smallest disk first",
    "-chain_size_mb": "largest chain first",
    "chain_size_mb": "smallest chain first",
    "-refreshed_at": "newest answer first",
    "refreshed_at": "oldest answer first",
}
BUILT_IN = (
    ("Worst first", "ordering=attention"),
    ("Failed", "status=error&status=error_deleting&status=error_restoring&tracking_state=fresh"),
    ("In flight", "status=creating&status=restoring&status=deleting&tracking_state=fresh"),
    ("Biggest chains", "ordering=-chain_size_mb"),
    ("All", ""),
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
class Chip:
    text: str
    href: str


@dataclass(frozen=True)
class Tab:
    name: str
    href: str
    here: bool
    is_default: bool


def replaced(query: QueryDict, **words: str) -> str:
    """The address with these words set; an empty one is left out."""
    rest = query.copy()
    for word in PASSING:
        rest.pop(word, None)
    for word, value in words.items():
        rest.pop(word, None)
        if value:
            rest[word] = value
    return f"?{rest.urlencode() or 'view=all'}"


def heads(
    query: QueryDict, selection: ListQuery, columns: Chosen
) -> tuple[Head, Head, list[Head], Head]:
    """Status, name, the chosen ones, and how old the knowledge is."""

    def head(column: Column) -> Head:
        return _head(query, selection.ordering, column)

    return (
        head(Column("attention", "Status", order="attention", classes="")),
        head(Column("name", "Name", order="name", classes="name")),
        [head(column) for column in columns.columns],
        head(Column("refreshed_at", "Known", order="-refreshed_at", classes="num known")),
    )


def _head(query: QueryDict, ordering: str, column: Column) -> Head:
    word = ordering.lstrip("-")
    if not column.order or word != column.order.lstrip("-"):
        href = replaced(query, ordering=column.order) if column.order else ""
        return Head(
            column.label, column.unit, column.classes, href, "none" if column.order else "", ""
        )
    down = ordering.startswith("-")
    other = word if down else f"-{word}"
    sort = "descending" if down != (word == "attention") else "ascending"
    return Head(
        column.label,
        column.unit,
        column.classes,
        replaced(query, ordering=other),
        sort,
        "↓" if sort[0] == "d" else "↑",
    )


def chips(query: QueryDict, selection: ListQuery) -> list[Chip]:
    """What filters beside the fields in sight, each with the address without it."""
    given = {
        key: list(values)
        for key, values in selection.raw_values.items()
        if key not in SHOWN_AS_FIELDS
    }
    found = []
    for key in list(given):
        values, until = given.get(key, []), key.removesuffix("_after") + "_before"
        if key.endswith("_after") and given.get(until) == values:  # one instant, as after an adding
            del given[key], given[until]
            found.append(
                Chip(
                    _told(key.removesuffix("_after"), values),
                    replaced(query, **{key: "", until: ""}),
                )
            )
    return [
        *found,
        *(Chip(_told(key, values), replaced(query, **{key: ""})) for key, values in given.items()),
    ]


def _told(key: str, values: Sequence[str]) -> str:
    return f"{_words(key)}: {' or '.join(INSTANT.sub(SHORT, value) for value in values)}"


def tabs(query: QueryDict, views: Sequence[SavedView]) -> list[Tab]:
    here = _canonical(lasting_query(query))
    own = [(view.name, view.query, view.is_default) for view in views]
    found = [
        Tab(name, address(text), _canonical(text) == here, default)
        for name, text, default in [*own, *((name, text, False) for name, text in BUILT_IN)]
    ]
    first = next((at for at, tab in enumerate(found) if tab.here), None)
    return [Tab(tab.name, tab.href, at == first, tab.is_default) for at, tab in enumerate(found)]


def _canonical(text: str) -> list[tuple[str, list[str]]]:
    return sorted((key, sorted(values)) for key, values in QueryDict(text).lists())


def _words(key: str) -> str:
    spans: Mapping[str, str] = {
        "_after": " from", "_before": " until", "_min": " at least", "_max": " at most"
    }  # fmt: skip
    for end, word in spans.items():
        if key.endswith(end):
            return key.removesuffix(end).replace("_", " ") + word
    return key.replace("_", " ")
