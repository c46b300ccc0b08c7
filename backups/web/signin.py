"""Signing in. Too many wrong passwords: a pause, said in a sentence on the same page."""

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse


class SignIn(LoginView):
    redirect_authenticated_user = True

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        locked = is_locked_out(self.request)
        if locked:
            self.request.axes_locked_out = False  # type: ignore[attr-defined] # its middleware would answer in bare text
        page = self.get_context_data(form=form, locked=locked)
        return self.render_to_response(page, status=429 if locked else 200)


def is_locked_out(request: HttpRequest) -> bool:
    return bool(getattr(request, "axes_locked_out", False))
