"""Signing out: here, and at the provider of OpenID Connect where that is how somebody came in."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from backups.web.external_backends import OIDC_SESSIONS
from backups.web.oidc_provider import ProviderFailed, ProviderRefused, discovery


class SignOut(LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        came_by_oidc = request.session.get(BACKEND_SESSION_KEY) == OIDC_SESSIONS
        response = super().post(request, *args, **kwargs)
        address = _address_at_provider(request) if came_by_oidc else ""
        if not address:
            return response
        page = render(request, "registration/signed_out.html", {"address": address})
        # A form of ours may not lead to another host (Content-Security-Policy), also not by a
        # redirect; a page may.
        page["Refresh"] = f"0; url={address}"
        return page


def _address_at_provider(request: HttpRequest) -> str:
    """Returns where the provider ends its own session; empty where it does not, or is away. No
    token is kept that could say whose, so it may ask.
    """
    try:
        endpoint = discovery().end_session_endpoint
    except (ProviderFailed, ProviderRefused):
        return ""
    if not endpoint:
        return ""
    query = urlencode(
        {
            "client_id": settings.OIDC.client_id,
            "post_logout_redirect_uri": request.build_absolute_uri(reverse("login")),
        }
    )
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"
