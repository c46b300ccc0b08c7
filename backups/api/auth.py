"""Who may call the API: `Authorization: Token KEY` or `Bearer KEY`, or a signed-in browser."""

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
from backups.shared.access import access_of
from backups.shared.csrf import explain
from backups.shared.role_needed import refusal, role_needed


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


class HasRole(BasePermission):
    """Signed in, with the role that the call needs: a viewer's to read, an operator's to write,
    another one where the call has a `role_needed`.
    """

    def has_permission(self, request: Request, view: object) -> bool:
        if not (request.user and request.user.is_authenticated):
            return False
        is_read_only = isinstance(request.auth, ApiToken) and request.auth.read_only
        if is_read_only and request.method not in SAFE_METHODS:
            self.message = "This token may only read."
            return False
        role = role_needed(view, request.method)
        self.message = refusal(role)
        return access_of(request).may(role)


class BrowserSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    target_class = "backups.api.auth.BrowserSession"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "backups.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "`Bearer KEY` or `Token KEY`"}
