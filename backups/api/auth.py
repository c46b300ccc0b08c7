"""`Authorization: Token KEY` or `Bearer KEY`; a read-only token may not write."""

from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from backups.edits import tokens
from backups.models import ApiToken


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        try:
            key = tokens.key_of(get_authorization_header(request).decode("latin-1"))
            if key is None:
                return None
            token = tokens.recognise(key, timezone.now())
        except tokens.Refused as e:
            raise AuthenticationFailed(str(e)) from e
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class MayWrite(BasePermission):
    """Signed in; and for anything but a read not with a read-only token."""

    message = "This token may only read."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not (request.user and request.user.is_authenticated):
            return False
        token = request.auth
        return request.method in SAFE_METHODS or not (
            isinstance(token, ApiToken) and token.read_only
        )


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "backups.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "`Bearer KEY` or `Token KEY`"}
