"""Who may call the API, and which clouds their token opens.

`Authorization: Token KEY` or `Bearer KEY`; a read-only token may not write.
"""

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import (
    BaseAuthentication,
    CSRFCheck,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from backups.api.errors import OriginRefused, TooManyWrongKeys
from backups.edits import tokens
from backups.models import ApiToken
from backups.shared import wrong_keys
from backups.shared.csrf import explain

Rows = TypeVar("Rows", bound=QuerySet[Model])


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[object, ApiToken] | None:
        try:
            key = tokens.key_of(get_authorization_header(request).decode("latin-1"))
            if key is None:
                return None
            token = tokens.recognise(key, timezone.now())
        except tokens.Refused as e:
            address = request.META["REMOTE_ADDR"]
            wait_s = wrong_keys.note(address, why=str(e), account=e.account)
            if wait_s is not None:
                raise TooManyWrongKeys(wait_s) from e
            raise AuthenticationFailed(str(e)) from e
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"


def _no_view(_request: HttpRequest) -> HttpResponse:
    """Stands for the view that Django's check wants, and never calls."""
    raise NotImplementedError


class BrowserSession(SessionAuthentication):
    """Signed in by a page: a write needs its token, from our own origin."""

    def enforce_csrf(self, request: HttpRequest) -> None:
        check = CSRFCheck(_no_view)
        check.process_request(request)
        reason = check.process_view(request, _no_view, (), {})
        if reason:
            raise OriginRefused(explain(request, str(reason)).sentence)


class MayWrite(BasePermission):
    """Signed in; and for anything but a read not with a read-only token."""

    message = "This token may only read."

    def has_permission(self, request: Request, view: object) -> bool:
        if not (request.user and request.user.is_authenticated):
            return False
        if request.method in SAFE_METHODS:
            return True
        is_read_only = isinstance(request.auth, ApiToken) and request.auth.read_only
        return not is_read_only


class BrowserSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    target_class = "backups.api.auth.BrowserSession"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "backups.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "`Bearer KEY` or `Token KEY`"}


def visible(request: Request, rows: Rows) -> Rows:
    """Returns the rows of the clouds that the token opens."""
    clouds = tokens.scope(request.auth)
    return rows if clouds is None else rows.filter(cloud__in=clouds)


def may_open(request: Request, cloud: str) -> bool:
    clouds = tokens.scope(request.auth)
    return clouds is None or cloud in clouds
