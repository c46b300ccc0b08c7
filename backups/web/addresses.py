"""Refuses addresses that nothing can have."""

from collections.abc import Callable

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase


class WithoutNul:
    """Middleware: PostgreSQL refuses a NUL in any text, so no page, disk, cloud or view is called
    by one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "\x00" in request.path_info:
            raise Http404
        return self._get_response(request)
