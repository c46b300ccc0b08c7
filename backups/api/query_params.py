"""What the query string of a list asks for: rows, words, a page; refused by name when it cannot
be.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from backups.api.errors import Unprocessed
from backups.edits import tokens
from backups.query.cursor import BadCursor, Cursor, read_cursor
from backups.query.definition import ListDefinition
from backups.query.list_query import InvalidQuery, ListQuery, parse
from backups.query.page import Page

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
NOT_FILTERS = ("limit", "cursor", "fields")  # keys that filter nothing


def selection(
    request: Request, listing: ListDefinition, *, ignored_keys: Sequence[str] = NOT_FILTERS
) -> ListQuery:
    """Raises Unprocessed."""
    try:
        return parse(request.query_params, listing, ignored_keys=ignored_keys)
    except InvalidQuery as e:
        raise Unprocessed({key: [sentence] for key, sentence in e.errors.items()}) from e


def cursor(request: Request, listing: ListDefinition, wanted: ListQuery) -> Cursor | None:
    given = request.query_params.get("cursor")
    try:
        return None if given is None else read_cursor(given, listing, wanted)
    except BadCursor as e:
        raise Unprocessed({"cursor": [str(e)]}) from e


def limit(request: Request, *, most: int = MAX_LIMIT) -> int:
    value = request.query_params.get("limit", str(min(DEFAULT_LIMIT, most)))
    if not (value.isascii() and value.isdecimal()) or not 1 <= int(value[:9]) <= most:
        raise Unprocessed({"limit": [f"Write a number from 1 to {most:,}."]})
    return int(value[:9])


def fields(request: Request, words: Sequence[str]) -> list[str]:
    """The words asked for, in the order asked for; all of them without `fields`."""
    given = request.query_params.get("fields")
    if given is None:
        return list(words)
    wanted = list(dict.fromkeys(word.strip() for word in given.split(",")))
    if unknown := [word for word in wanted if word not in words]:
        raise Unprocessed(
            {"fields": [f"There is no word {unknown[0][:80]!r}. There are: {', '.join(words)}."]}
        )
    return wanted


def only(request: Request, *known: str) -> None:
    """Refuse every key that this address does not know."""
    if unknown := [key for key in request.query_params if key not in known]:
        there = f"It takes {', '.join(known)}." if known else "It takes none."
        raise Unprocessed(
            {key[:80]: [f"This address knows no such key. {there}"] for key in unknown}
        )


def scoped(request: Request, rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Only the clouds that the token opens."""
    clouds = tokens.scope(request.auth)
    return rows if clouds is None else rows.filter(cloud__in=clouds)


def opens(request: Request, cloud: str) -> bool:
    clouds = tokens.scope(request.auth)
    return clouds is None or cloud in clouds


def paged(request: Request, page: Page, results: Sequence[Mapping[str, Any]]) -> Response:
    return Response(
        {
            "next": link(request, page.next),
            "previous": link(request, page.previous),
            "results": results,
        }
    )


def link(request: Request, to: str | None) -> str | None:
    if to is None:
        return None
    query = request.query_params.copy()
    query["cursor"] = to
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
