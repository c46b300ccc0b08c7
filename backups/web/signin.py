"""Signing in. Too many wrong passwords: a pause, said in a sentence on the same page.

A pause is for one name from one place, or for all names from one place, and never for a name alone:
nobody can keep the owner of an account out from elsewhere.
"""

import unicodedata
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from backups.reports.sign_ins import wrong_passwords_from
from backups.shared.addresses import place
from backups.web.forwarded import LOCAL
from backups.web.referer import page_before

LONGEST_NAME = 255  # characters
READING = ("GET", "HEAD")
LOCAL_FORM_KEY = "local"  # the key of an address that asks for the form for local accounts


class SignInFirst(LoginRequiredMiddleware):
    """Leads to the sign-in page, and from there to the page that was asked for.

    The address that a form is sent to cannot be opened, so after a sign-in its page is.
    """

    def handle_no_permission(
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseRedirect:
        if request.method in READING:
            return super().handle_no_permission(request, view_func)
        return redirect_to_login(page_before(request) or reverse("home"))


class PausedAddresses:
    """The first authentication backend: signs nobody in, and lets no place go on guessing that has
    tried too many wrong passwords, whatever the names.
    """

    def authenticate(self, request: HttpRequest | None, **_credentials: object) -> None:
        if request is None:
            return
        since = timezone.now() - pause()
        wrong_passwords = wrong_passwords_from(client_place(request), since)
        if wrong_passwords >= settings.MOST_WRONG_PASSWORDS_OF_ADDRESS:
            # As django-axes marks a request of a name that has to wait.
            request.axes_locked_out = True  # type: ignore[attr-defined]
            raise PermissionDenied


class SignIn(LoginView):
    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        # Who asks for the local form means another account than a proxy has signed in.
        self.redirect_authenticated_user = not asks_for_local_form(request)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), **ways_in(self.request)}

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        locked = is_locked_out(self.request)
        answer_itself(self.request)
        page = self.get_context_data(form=form, locked=locked)
        response = self.render_to_response(page, status=429 if locked else 200)
        if locked:
            response["Retry-After"] = str(int(pause().total_seconds()))
        return response


def asks_for_local_form(request: HttpRequest) -> bool:
    """Tells whether the form for local accounts is wanted, whether it is shown by itself or not."""
    return LOCAL_FORM_KEY in request.GET


def ways_in(request: HttpRequest) -> dict[str, Any]:
    """Returns what the sign-in page offers: the form, and the button of single sign-on."""
    is_local = asks_for_local_form(request)
    query = {}
    next_page = request.POST.get("next") or request.GET.get("next")
    if next_page:
        query["next"] = next_page
    begin = ""
    if settings.OIDC.is_configured and not is_local:
        begin = f"{reverse('oidc_begin')}?{urlencode(query)}".removesuffix("?")
    elsewhere = settings.OIDC.is_configured or settings.PROXY_HEADER.is_configured
    return {
        "shows_form": settings.LOCAL_FORM or is_local,
        "local_form_query": f"?{LOCAL_FORM_KEY}=1" if is_local else "",
        "oidc_begin": begin,
        "oidc_button": settings.OIDC.button,
        # Others, who come by a public address, did not start it.
        "is_alone": not elsewhere and not settings.PUBLIC_URL,
    }


def refusal_page(request: HttpRequest, sentence: str, *, status: int) -> HttpResponse:
    """Returns the sign-in page with a sentence that says why a sign-in elsewhere is not let in."""
    page = {"refusal": sentence, **ways_in(request)}
    response = render(request, "registration/login.html", page, status=status)
    # Django would log the address, and the provider's code with it; the refusal has its own line.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def pause() -> timedelta:
    """Returns for how long nobody may try, counted from the last wrong password."""
    length: timedelta = settings.AXES_COOLOFF_TIME
    return length


def is_locked_out(request: HttpRequest) -> bool:
    return bool(getattr(request, "axes_locked_out", False))


def answer_itself(request: HttpRequest) -> None:
    """Takes the mark off by which the middleware of django-axes would answer in bare text."""
    request.axes_locked_out = False  # type: ignore[attr-defined]


def client_address(request: HttpRequest) -> str:
    # A request that comes from no server, as of a command, has no address.
    return str(request.META.get("REMOTE_ADDR", LOCAL))


def client_place(request: HttpRequest) -> str:
    """Returns where a client is, as tries of it are counted."""
    return place(client_address(request))


def tried_name(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Returns the name that a sign-in was tried with, as tries are counted: in small letters,
    without blanks around, wide and composed characters as the plain ones that they look like. None
    of these spellings gives more tries. PostgreSQL refuses a longer name than this one.
    """
    name = str((credentials or request.POST).get("username") or "")
    normal = unicodedata.normalize("NFKC", name[:LONGEST_NAME]).casefold()
    return " ".join(normal.split())[:LONGEST_NAME]
