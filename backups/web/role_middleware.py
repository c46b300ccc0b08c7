"""Who lacks the role that a page needs is refused before its view runs."""

from collections.abc import Callable
from typing import Any, NoReturn

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.views import APIView

from backups.models import ObjectKind, Verb
from backups.shared import audit
from backups.shared.access import access_of
from backups.shared.role_needed import refusal, role_needed
from backups.web.signin import client_address

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RoleMiddleware:
    """Answers 403 to whoever is signed in and lacks the role; who is not is sent to sign in before.

    The API has its own: it knows tokens.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: object, _kwargs: object
    ) -> None:
        is_api = issubclass(getattr(view, "view_class", object), APIView)
        is_open = not getattr(view, "login_required", True)
        if is_api or is_open or not request.user.is_authenticated:
            return
        role = role_needed(view, request.method)
        if not access_of(request).may(role):
            refuse(request, refusal(role))


def refuse(request: HttpRequest, sentence: str) -> NoReturn:
    """Answers 403 with a sentence to whoever is signed in and may not, and notes it."""
    audit.note_refusal(
        Verb.ACCESS_REFUSED,
        ObjectKind.PAGE,
        f"{request.method} {request.path}",
        client=client_address(request),
        sentence=sentence,
    )
    raise PermissionDenied(sentence)
