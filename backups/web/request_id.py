"""Gives each request an ID, which stands in all that is logged about it and in the answer."""

import re
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADER = "X-Request-ID"
_USABLE = re.compile("[0-9A-Za-z._-]{8,64}")


class RequestID:
    """Middleware: an ID that a proxy has given stays, so that its log and ours can be read
    together.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = request.headers.get(HEADER, "")
        if not _USABLE.fullmatch(request_id):
            request_id = uuid.uuid4().hex[:16]
        # Bound until the next request of this thread: Django logs a failed one after all
        # middleware.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self._get_response(request)
        response.headers[HEADER] = request_id
        return response
