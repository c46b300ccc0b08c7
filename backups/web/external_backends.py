"""Which sessions began by a sign-in elsewhere. They check no password, and so no sign-in form
reaches them.

A session counts only while its backend is among AUTHENTICATION_BACKENDS: where a way to sign in is
taken out of the settings, the sessions that it began end.
"""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest


class _Sessions(ModelBackend):
    """Finds accounts of sessions, those aside that are switched off."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_credentials: Any,
    ) -> User | None:
        return None


class OidcSessions(_Sessions):
    """Of the provider of OpenID Connect."""


class ProxySessions(_Sessions):
    """Of the proxy that names a person with each request."""


OIDC_SESSIONS = f"{__name__}.OidcSessions"
PROXY_SESSIONS = f"{__name__}.ProxySessions"
