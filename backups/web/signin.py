"""Signing in. Too many wrong passwords: a pause, said in a sentence on the same page."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse

LONGEST_NAME = 255  # characters


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
