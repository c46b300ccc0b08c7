"""What every call has in common: the time is read once, a read that changed nothing is 304, rate
headers.
"""

from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backups.edits.volume_edits import Actor
from backups.reports.conditional import etag, unchanged


class _Unchanged(Exception):
    """The reader has this answer already."""

    def __init__(self, answer: HttpResponse) -> None:
        super().__init__()
        self.answer = answer


class Call(APIView):
    """`now`: the time of the call. `conditional`: its reads come out of the database alone."""

    conditional: ClassVar[bool] = True
    now: datetime
    _tag: str | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.now = timezone.now()
        super().initial(request, *args, **kwargs)
        if self.conditional and request.method in ("GET", "HEAD"):
            self._tag = self.tag(request)
            if answer := unchanged(request, self._tag):
                raise _Unchanged(answer)

    def tag(self, request: Request) -> str:
        """The version of the answer, known before any of it is."""
        return etag(request, self.now, request.get_full_path())

    def handle_exception(self, exc: Exception) -> Any:
        return exc.answer if isinstance(exc, _Unchanged) else super().handle_exception(exc)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if self._tag and answer.status_code in (200, 304):
            answer["ETag"] = self._tag
            answer["Cache-Control"] = "private, no-cache"
        for header, value in getattr(getattr(request, "_request", None), "rate_limit", {}).items():
            answer[header] = value
        return answer

    def actor(self, request: Request) -> Actor:
        return Actor(request.user.get_username(), self.now)


class Nothing(Call):
    """Every address that there is not."""

    schema = None
    conditional = False

    def get(self, request: Request, **_: Any) -> Response:
        raise NotFound(f"There is nothing at {request.path[:200]}.")

    post = put = patch = delete = get
