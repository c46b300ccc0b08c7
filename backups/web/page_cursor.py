"""The place in the pages of a list that an address names."""

from django.http import QueryDict

from backups.query.cursor import BadCursor, Cursor, read_cursor
from backups.query.definition import ListDefinition
from backups.query.list_query import InvalidQuery, ListQuery, without


def page_cursor(query: QueryDict, listing: ListDefinition, selection: ListQuery) -> Cursor | None:
    """Returns the cursor of an address; None for the first page. Raises InvalidQuery."""
    text = query.get("cursor")
    if not text:
        return None
    try:
        return read_cursor(text, listing, selection)
    except BadCursor as e:
        raise InvalidQuery({"cursor": str(e)}, without(query)) from e
