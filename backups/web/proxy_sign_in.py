"""Signing in by a header of the proxy in front: off unless VBSDASH_PROXY_USER_HEADER names one.

A header counts from a trusted proxy that sends the secret beside it; from anybody else it is
refused, however innocent the rest of the request. Tokens come first: where they count, no header
does.
"""

from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, login, logout
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from backups.edits import external_accounts, tokens
from backups.edits.external_accounts import Person
from backups.models import Access
from backups.shared import counters
from backups.shared.group_access import access_of_groups
from backups.shared.proxies import TRUSTED_HOPS
from backups.shared.refusal import RefusalPage
from backups.web import sign_in_log
from backups.web.external_backends import PROXY_SESSIONS
from backups.web.middleware import GetResponse
from backups.web.signin import asks_for_local_form, client_place

ISSUER = "proxy"
SESSION_RATE = "1/minute"  # sessions that begin of one name from one place
NAME = "name_by_proxy"  # in the session
# Of tokens and probes, which have no sessions.
_WITHOUT_SESSIONS = frozenset({"/metrics", "/healthz", "/readyz"})


class Refused(Exception):
    """A sentence for whoever sent the request, and for the log."""


class NotNamed(Refused):
    """A call of the API came without a name, in a session that the proxy began. The session stays:
    where the proxy asks nobody, that says nothing of who is signed in with it.
    """


class ProxySignInMiddleware:
    """Keeps the session what the proxy says: it begins with a name, has the role of the groups of
    this very request, and ends when the name is gone or another.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.PROXY_HEADER.is_configured and not _is_exempt(request):
            name = _decoded(request.headers.get(settings.PROXY_HEADER.user, ""))
            try:
                _follow(request, name)
            except Refused as e:
                if _is_of_proxy(request) and not isinstance(e, NotNamed):
                    logout(request)
                sign_in_log.refused(name, str(e))
                page = render_to_string("403.html", {"exception": str(e)}, request)
                return RefusalPage(page, sentence=str(e), status=403)
        return self._get_response(request)


def _is_exempt(request: HttpRequest) -> bool:
    path = request.path_info
    if _is_of_api(request):
        return tokens.is_of_token(request.headers.get("Authorization", ""))
    # The way in when all else is wrong.
    is_local_form = path == _path_of_sign_in() and asks_for_local_form(request)
    return path in _WITHOUT_SESSIONS or is_local_form


def _is_of_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def _path_of_sign_in() -> str:
    return reverse("login").removeprefix(settings.PUBLIC_PATH)


def _follow(request: HttpRequest, name: str) -> None:
    """Raises Refused."""
    if settings.PROXY_HEADER.user not in request.headers:
        if not _is_of_proxy(request):
            return
        if _is_of_api(request):
            raise NotNamed(
                "The proxy names nobody at this address, so your session counts for nothing here: "
                "it has to ask who you are for /api/ too (README, “Single sign-on”)."
            )
        logout(request)
        return
    _check_sender(request)
    if "," in name:
        raise Refused("The proxy names two people at once.")
    if _is_of_proxy(request) and request.session.get(NAME) != name:
        logout(request)
    if request.user.is_authenticated and not _is_of_proxy(request):
        # A local account, by the form for it.
        return
    access = access_of_groups(_groups(request))
    if access is None:
        _lose_access(name)
        raise Refused("None of your groups opens vbsdash. Who administers it says which do.")
    user = _account(name, access)
    if not _is_of_proxy(request) and _begins_session(request, name):
        login(request, user, backend=PROXY_SESSIONS)
        request.session[NAME] = name
    else:
        request.user = user


def _begins_session(request: HttpRequest, name: str) -> bool:
    """Tells whether a request without a session begins one, a row that stays. Scripts keep no
    cookie: they would begin one with each call, so it is one a minute, and none for a call of the
    API. The others are answered all the same, by what their own headers say.
    """
    if _is_of_api(request):
        return False
    counted = f"session by proxy/{client_place(request)}/{name}"
    count = counters.count(SESSION_RATE, counted) or counters.count_here(SESSION_RATE, counted)
    return count.is_within


def _check_sender(request: HttpRequest) -> None:
    if not request.META.get(TRUSTED_HOPS):
        raise Refused(
            f"The header {settings.PROXY_HEADER.user} comes from no trusted proxy "
            "(VBSDASH_TRUSTED_PROXIES), so it counts for nothing."
        )
    secret = request.headers.get(settings.PROXY_HEADER.secret_header, "")
    if not constant_time_compare(secret, settings.PROXY_HEADER.secret):
        raise Refused(
            f"The header {settings.PROXY_HEADER.user} comes without the secret of the proxy, so it "
            "counts for nothing."
        )


def _account(name: str, access: Access) -> User:
    try:
        return external_accounts.sign_in(_person(name), access, timezone.now())
    except external_accounts.Refused as e:
        raise Refused(str(e)) from e


def _lose_access(name: str) -> None:
    try:
        external_accounts.lose_access(_person(name))
    except external_accounts.Refused as e:
        raise Refused(str(e)) from e


def _person(name: str) -> Person:
    return Person(issuer=ISSUER, subject=name, name=name)


def _groups(request: HttpRequest) -> Sequence[str]:
    text = _decoded(request.headers.get(settings.PROXY_HEADER.groups, ""))
    return [group.strip() for group in text.split(",")]


def _decoded(text: str) -> str:
    """Returns a header as proxies mean it: in UTF-8, which the gateway has taken for Latin-1."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _is_of_proxy(request: HttpRequest) -> bool:
    return request.session.get(BACKEND_SESSION_KEY) == PROXY_SESSIONS
