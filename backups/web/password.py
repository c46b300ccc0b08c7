"""A person's own new password: other sessions end, and tokens that are chosen."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth import authenticate, update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from backups.edits import passwords, sessions, tokens
from backups.edits.tokens import TokenState
from backups.models import Role
from backups.shared.role_needed import needs
from backups.web import sign_in_log
from backups.web.signin import answer_itself, is_locked_out
from backups.web.time_zone import owner


class OwnPasswordForm(PasswordChangeForm):
    """`end_tokens`: the IDs of tokens to revoke."""

    end_tokens = forms.MultipleChoiceField(required=False)

    def __init__(
        self, request: HttpRequest, usable_tokens: list[TokenState], data: Any = None
    ) -> None:
        super().__init__(owner(request), data)
        self._request = request
        end_tokens = cast(forms.MultipleChoiceField, self.fields["end_tokens"])
        end_tokens.choices = [(str(token.id), token.name) for token in usable_tokens]

    def clean_old_password(self) -> str:
        """Asks as the sign-in does: tries count, and are logged, of who has found a session too."""
        old_password = str(self.cleaned_data["old_password"])
        name = self.user.get_username()
        if authenticate(self._request, username=name, password=old_password) is None:
            raise forms.ValidationError("This is not the password of the account.")
        return old_password


@needs(Role.VIEWER)
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    user = owner(request)
    if not user.has_usable_password():
        # It signs in elsewhere; a form that takes no answer would mislead.
        return render(request, "backups/password.html", {"form": None})
    now = timezone.now()
    usable_tokens = [token for token in tokens.tokens_of(user, now) if token.state == "usable"]
    form = OwnPasswordForm(request, usable_tokens, request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _change(request, form)
    locked = is_locked_out(request)
    answer_itself(request)
    chosen = request.POST.getlist("end_tokens")
    page = {
        "form": form,
        "tokens": [(token, str(token.id) in chosen) for token in usable_tokens],
        "locked": locked,
        "now": now,
    }
    status = 200
    if request.method == "POST":
        status = 429 if locked else 400
    return render(request, "backups/password.html", page, status=status)


def _change(request: HttpRequest, form: OwnPasswordForm) -> HttpResponse:
    user = owner(request)
    ended_tokens = passwords.change(
        user,
        password=form.cleaned_data["new_password1"],
        ended_tokens=[int(token_id) for token_id in form.cleaned_data["end_tokens"]],
        now=timezone.now(),
    )
    # This session stays, under a new key.
    update_session_auth_hash(request, user)
    ended_sessions = sessions.end_others(user, own_key=request.session.session_key)
    sign_in_log.logger.info(
        "password changed by its owner", extra=sign_in_log.fields(user.get_username())
    )
    messages.success(
        request,
        f"The new password counts from now on. Ended: {counted(ended_sessions, 'other session')}, "
        f"{counted(ended_tokens, 'token')}.",
    )
    return redirect("account")


def counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
