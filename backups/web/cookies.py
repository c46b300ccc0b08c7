"""Which way cookies may travel."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase


class SecureOverTLS:
    """Middleware: what is set in an answer over TLS never goes back without it; on plain HTTP all
    stays as it is.

    Django's own settings know only one of both. Behind a proxy gunicorn tells the scheme by
    X-Forwarded-Proto.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if request.is_secure():
            for cookie in response.cookies.values():
                cookie["secure"] = True
        return response
