"""Signing in. Too many wrong passwords: a pause, said in a sentence on the same page."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import LoginView, redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from backups.web.referer import page_before

LONGEST_NAME = 255  # characters
READING = ("GET", "HEAD")


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


class SignIn(LoginView):
    redirect_authenticated_user = True

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        locked = is_locked_out(self.request)
        if locked:
            # The middleware of django-axes would answer in bare text.
            self.request.axes_locked_out = False  # type: ignore[attr-defined]
        page = self.get_context_data(form=form, locked=locked)
        return self.render_to_response(page, status=429 if locked else 200)


def is_locked_out(request: HttpRequest) -> bool:
    return bool(getattr(request, "axes_locked_out", False))


def tried_name(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Returns the name that a sign-in was tried with, as the note of it can hold it: PostgreSQL
    refuses a longer one.
    """
    return str((credentials or request.POST).get("username") or "")[:LONGEST_NAME]
