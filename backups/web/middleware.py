"""Middleware of our own: request IDs, what browsers may do with an answer, secure cookies and
renamed ones, no NUL in a path.
"""

import re
import uuid
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from backups.shared import acting
from backups.shared.proxies import TRUSTED_HOPS

REQUEST_ID_HEADER = "X-Request-ID"
NO_STORE = "no-store, private"
_USABLE_REQUEST_ID = re.compile("[0-9A-Za-z._-]{8,64}")

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RequestIDMiddleware:
    """Gives each request an ID, which stands in all that is logged about it and in the answer.

    An ID that a trusted proxy has given stays, so that its log and ours can be read together;
    from anybody else it would make our log lie.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = ""
        if request.META.get(TRUSTED_HOPS):
            request_id = request.headers.get(REQUEST_ID_HEADER, "")
        if not _USABLE_REQUEST_ID.fullmatch(request_id):
            request_id = uuid.uuid4().hex[:16]
        # Bound until the next request of this thread: Django logs a failed one after all
        # middleware.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(
            request_id=request_id, client=request.META["REMOTE_ADDR"]
        )
        with acting.answering(request):
            response = self._get_response(request)
        response.headers[REQUEST_ID_HEADER] = request_id
        return response


class BrowserRulesMiddleware:
    """Tells browsers which of their features no page needs, and that no page of another origin may
    load an answer, as a picture or a script. Django's SecurityMiddleware has no setting for these.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        response.headers["Permissions-Policy"] = settings.PERMISSIONS_POLICY
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


class NoStoreMiddleware:
    """Lets no browser or proxy keep an answer that does not say itself whether it may be kept:
    after a sign-out the button Back shows nothing.

    It stands below WhiteNoise, whose files are the same for everybody.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        response.headers.setdefault("Cache-Control", NO_STORE)
        return response


class SecureCookiesMiddleware:
    """Marks the cookies of an answer over TLS as secure; on plain HTTP all stays as it is.

    Django's own settings know only one of both.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if request.is_secure():
            for cookie in response.cookies.values():
                cookie["secure"] = True
        return response


class RenamedCookiesMiddleware:
    """Reads a cookie that has the name of before SECRET_KEY changed, where it has none of now.

    Django renews a session of a key of before with its next request, under the new name.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        for name_before, name in settings.RENAMED_COOKIES.items():
            if name_before in request.COOKIES:
                request.COOKIES.setdefault(name, request.COOKIES[name_before])
        return self._get_response(request)


class ProhibitNullCharactersMiddleware:
    """Answers 404 to a path with a NUL: PostgreSQL refuses it in any text, so no page, volume,
    cloud or view can have such a name.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "\x00" in request.path_info:
            raise Http404
        return self._get_response(request)
