"""Reads the query string of a call: filters, fields, a place in the pages. What cannot be is
refused by name.
"""

from collections.abc import Sequence

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from backups.api.errors import Unprocessed
from backups.query.cursor import BadCursor, Cursor, read_cursor
from backups.query.definition import ListDefinition
from backups.query.list_query import InvalidQuery, ListQuery, parse
from backups.query.page import Page

DEFAULT_LIMIT = 100  # rows of a page
MAX_LIMIT = 1000
PAGE_KEYS = ("limit", "cursor", "fields")  # of a list, beside those that filter


def list_query(
    request: Request, definition: ListDefinition, *, ignored_keys: Sequence[str] = PAGE_KEYS
) -> ListQuery:
    """Raises Unprocessed."""
    try:
        return parse(request.query_params, definition, ignored_keys=ignored_keys)
    except InvalidQuery as e:
        raise Unprocessed({key: [sentence] for key, sentence in e.errors.items()}) from e


def cursor(request: Request, definition: ListDefinition, query: ListQuery) -> Cursor | None:
    """Returns None for the first page. Raises Unprocessed."""
    text = request.query_params.get("cursor")
    if text is None:
        return None
    try:
        return read_cursor(text, definition, query)
    except BadCursor as e:
        raise Unprocessed({"cursor": [str(e)]}) from e


def limit(request: Request, *, max_limit: int = MAX_LIMIT) -> int:
    """Returns how many rows a page may have. Raises Unprocessed."""
    value = request.query_params.get("limit", str(min(DEFAULT_LIMIT, max_limit)))
    if not (value.isascii() and value.isdecimal()) or not 1 <= int(value[:9]) <= max_limit:
        raise Unprocessed({"limit": [f"Write a number from 1 to {max_limit:,}."]})
    return int(value[:9])


def selected_fields(request: Request, fields: Sequence[str]) -> list[str]:
    """Returns those of `fields` that the call asks for, in its order; all of them without the key
    `fields`. Raises Unprocessed.
    """
    text = request.query_params.get("fields")
    if text is None:
        return list(fields)
    selected = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in selected:
        if name not in fields:
            sentence = f"There is no word {name[:80]!r}. There are: {', '.join(fields)}."
            raise Unprocessed({"fields": [sentence]})
    return selected


def allow_only(request: Request, *keys: str) -> None:
    """Refuses every key that this address does not know. Raises Unprocessed."""
    unknown = [key for key in request.query_params if key not in keys]
    if unknown:
        hint = f"It takes {', '.join(keys)}." if keys else "It takes none."
        sentence = f"This address knows no such key. {hint}"
        raise Unprocessed({key[:80]: [sentence] for key in unknown})


def page_response(request: Request, page: Page, results: object) -> Response:
    return Response(
        {
            "next": page_link(request, page.next),
            "previous": page_link(request, page.previous),
            "results": results,
        }
    )


def page_link(request: Request, cursor_text: str | None) -> str | None:
    if cursor_text is None:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor_text
    path = f"{request.path}?{query.urlencode()}"
    if settings.PUBLIC_URL:
        return f"{settings.PUBLIC_URL.origin}{path}"
    return request.build_absolute_uri(path)
