"""What every call has in common: the time is read once, a read that changed nothing
is 304, rate headers.
"""

from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpResponse
from django.urls import resolve
from django.utils import timezone
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backups.edits.common import Actor
from backups.models import ApiToken
from backups.reports.conditional import etag, unchanged
from backups.shared.access import access_of


class _Unchanged(Exception):
    """The reader has this answer already."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


class Call(APIView):
    """`now`: the time of the call. `conditional`: its reads come out of the database alone."""

    conditional: ClassVar[bool] = True
    now: datetime
    _etag: str | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.now = timezone.now()
        super().initial(request, *args, **kwargs)
        if self.conditional and request.method in ("GET", "HEAD"):
            self._etag = self.version_tag(request)
            response = unchanged(request, self._etag)
            if response is not None:
                raise _Unchanged(response)

    def version_tag(self, request: Request) -> str:
        """Returns the version of the answer, known before any of it is."""
        return etag(request, self.now, request.get_full_path())

    def handle_exception(self, exc: Exception) -> Any:
        return exc.response if isinstance(exc, _Unchanged) else super().handle_exception(exc)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if response.status_code in (200, 304):
            if self._etag:
                response["ETag"] = self._etag
            if isinstance(getattr(request, "auth", None), ApiToken):
                # A script may keep what it asks about again. A browser may not: after a sign-out
                # the next person at it would read that (backups/web/middleware.py).
                response["Cache-Control"] = "private, no-cache"
        # A request that could not be wrapped by DRF has no counter.
        django_request = getattr(request, "_request", None)
        for header, value in getattr(django_request, "rate_limit", {}).items():
            response[header] = value
        return response

    def actor(self, request: Request) -> Actor:
        return Actor(request.user.get_username(), self.now, access_of(request))


def edit_etag(call: Call, request: Request, version: int | None) -> str:
    """Returns an ETag that begins with `version`, so that it can be sent back as `If-Match`."""
    return f'"{version}-{etag(request, call.now, request.get_full_path())[1:]}'


class Nothing(Call):
    """Every address that there is not."""

    schema = None
    conditional = False

    def get(self, request: Request, **_: Any) -> Response:
        sentence = f"There is nothing at {request.path[:200]}"
        with_slash = resolve(f"{request.path_info}/")
        if getattr(with_slash.func, "view_class", None) is not Nothing:
            raise NotFound(f"{sentence}: write a slash at its end.")
        raise NotFound(f"{sentence}.")

    post = put = patch = delete = get
