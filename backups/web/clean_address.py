"""Addresses that hold only what is set: without JavaScript a form sends its empty fields too."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect

from backups.web.htmx import HtmxHttpRequest

View = Callable[[HtmxHttpRequest], HttpResponse]


def clean_address(*, bare: str = "") -> Callable[[View], View]:
    """Decorates the view of a list: an address with blank values leads to the one without them.

    `bare`: the query that is left when nothing is set.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def clean_first(request: HtmxHttpRequest) -> HttpResponse:
            if not request.htmx and _has_blanks(request.GET):
                query = _without_blanks(request.GET) or bare
                return redirect(f"{request.path}{'?' if query else ''}{query}")
            return view(request)

        return clean_first

    return decorate


def _has_blanks(query: QueryDict) -> bool:
    return any(not value.strip() for _, values in query.lists() for value in values)


def _without_blanks(query: QueryDict) -> str:
    clean = QueryDict(mutable=True)
    for key, values in query.lists():
        filled = [value for value in values if value.strip()]
        if filled:
            clean.setlist(key, filled)
    return clean.urlencode()
