"""The accounts of others, for admins: who may what, new ones, the end of sessions and tokens."""

from collections.abc import Callable
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backups.edits import accounts, tokens
from backups.edits.accounts import (
    LONGEST_NAME,
    ChangedMeanwhile,
    LastWayIn,
    UnknownAccount,
)
from backups.edits.common import BadValue, NotAllowed
from backups.edits.tokens import UnknownToken
from backups.models import Access, Role
from backups.reports.account import session_count
from backups.reports.accounts import (
    AccountRow,
    account_row,
    account_seen_by,
    accounts_seen_by,
)
from backups.reports.clouds import cloud_names
from backups.shared.access import access_of
from backups.shared.account_state import account_state, sessions_state
from backups.shared.role_needed import needs
from backups.web import status
from backups.web.clean_address import clean_address
from backups.web.page_form import PageForm, choices
from backups.web.password import counted
from backups.web.time_zone import owner

LONGEST_QUERY = 150  # characters
ALL, SOME = "all", "some"
ROLES = {
    Role.VIEWER: "reads, and keeps tokens and views of his own",
    Role.OPERATOR: "tracks, refreshes, writes notes, tags and rules as well",
    Role.ADMIN: "manages accounts as well",
}


class AccessForm(PageForm):
    """A role, and the clouds that it counts in; `own`: what the admin may himself."""

    undrawn: ClassVar[tuple[str, ...]] = ("where",)

    role = forms.ChoiceField(
        choices=choices(Role.values), error_messages={"required": "Choose a role."}
    )
    where = forms.ChoiceField()
    clouds = forms.MultipleChoiceField(
        required=False, error_messages={"invalid_choice": "You may not give the cloud %(value)s."}
    )

    def __init__(self, own: Access, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        where = cast(forms.ChoiceField, self.fields["where"])
        where.choices = choices([ALL, SOME] if own.clouds is None else [SOME])
        clouds = cast(forms.MultipleChoiceField, self.fields["clouds"])
        clouds.choices = choices(sorted(cloud_names(access=own)))

    def clean(self) -> None:
        data = self.cleaned_data
        if data.get("where") == SOME and not data.get("clouds") and "clouds" not in self.errors:
            self.add_error("clouds", "Choose at least one cloud.")

    @property
    def access(self) -> Access:
        clouds = self.cleaned_data["clouds"]
        is_all = self.cleaned_data["where"] == ALL
        return Access(Role(self.cleaned_data["role"]), None if is_all else frozenset(clouds))


class NewAccountForm(AccessForm):
    username = forms.CharField(error_messages={"required": "Write the name that it signs in with."})
    password = forms.CharField(required=False, strip=False)


class PasswordForm(PageForm):
    password = forms.CharField(strip=False, error_messages={"required": "Write a password."})
    end_tokens = forms.MultipleChoiceField(required=False)

    def __init__(self, token_ids: list[int], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        end_tokens = cast(forms.MultipleChoiceField, self.fields["end_tokens"])
        end_tokens.choices = choices(str(token_id) for token_id in token_ids)


@needs(Role.ADMIN)
@require_safe
@clean_address()
def user_list(request: HttpRequest) -> HttpResponse:
    q = _clean(request.GET.get("q", ""))
    after = _clean(request.GET.get("after", ""))
    now = timezone.now()
    page = accounts_seen_by(owner(request), access_of(request), q=q, after=after, now=now)
    context = {
        "now": now,
        "rows": [(row, status.ACCOUNTS[row.is_active]) for row in page.rows],
        "page": page,
        "q": q,
        "after": after,
    }
    return render(request, "backups/users.html", context)


@needs(Role.ADMIN)
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def add_user(request: HttpRequest) -> HttpResponse:
    own = access_of(request)
    if request.method != "POST":
        where = ALL if own.clouds is None else SOME
        initial = {"role": Role.VIEWER, "where": where, "clouds": []}
        return _new_page(request, NewAccountForm(own, initial=initial))
    form = NewAccountForm(own, request.POST)
    if not form.is_valid():
        return _new_page(request, form)
    data = form.cleaned_data
    try:
        account = accounts.add(
            data["username"], access=form.access, password=data["password"], by=owner(request)
        )
    except BadValue as e:
        _refuse(form, e)
        return _new_page(request, form)
    messages.success(request, f"The account “{account}” is there.")
    return redirect("user", account.pk)


@needs(Role.ADMIN)
@require_safe
def user(request: HttpRequest, account_id: int) -> HttpResponse:
    return _page(request, account_id)


@needs(Role.ADMIN)
@require_POST
def set_access(request: HttpRequest, account_id: int) -> HttpResponse:
    form = AccessForm(access_of(request), request.POST)
    if not form.is_valid():
        return _page(request, account_id, access_form=form)

    def act() -> str:
        accounts.set_access(account_id, form.access, by=owner(request), seen=_seen(request))
        return "Role and clouds count from the next request on."

    return _do(request, account_id, act, access_form=form)


@needs(Role.ADMIN)
@require_POST
def switch(request: HttpRequest, account_id: int) -> HttpResponse:
    """Switches an account on where `on` is 1, else off."""

    def act() -> str:
        if request.POST.get("on") == "1":
            accounts.switch_on(account_id, by=owner(request), seen=_seen(request))
            return "The account is on."
        ended = accounts.switch_off(account_id, by=owner(request), seen=_seen(request))
        return f"The account is off. Ended: {counted(ended.sessions, 'session')}."

    return _do(request, account_id, act)


@needs(Role.ADMIN)
@sensitive_post_parameters("password")
@require_POST
def set_password(request: HttpRequest, account_id: int) -> HttpResponse:
    account = _account(request, account_id)
    now = timezone.now()
    usable = [token.id for token in tokens.tokens_of(account, now) if token.state == "usable"]
    form = PasswordForm(usable, request.POST)
    if not form.is_valid():
        return _page(request, account_id, password_form=form)

    def act() -> str:
        ended = accounts.set_password(
            account_id,
            form.cleaned_data["password"],
            ended_tokens=[int(token_id) for token_id in form.cleaned_data["end_tokens"]],
            by=owner(request),
            seen=_seen(request),
            now=now,
        )
        return (
            f"The new password counts from now on. Ended: {counted(ended.sessions, 'session')}, "
            f"{counted(ended.tokens, 'token')}."
        )

    return _do(request, account_id, act, password_form=form)


@needs(Role.ADMIN)
@require_POST
def end_sessions(request: HttpRequest, account_id: int) -> HttpResponse:
    def act() -> str:
        ended = accounts.end_sessions(account_id, by=owner(request), seen=_seen(request))
        return f"Signed out everywhere: {counted(ended, 'session')} ended."

    return _do(request, account_id, act)


@needs(Role.ADMIN)
@require_POST
def revoke_token(request: HttpRequest, account_id: int, token_id: int) -> HttpResponse:
    def act() -> str:
        now = timezone.now()
        if accounts.revoke_token(account_id, token_id, by=owner(request), now=now):
            return "The token opens nothing any more."
        return "This token was revoked before."

    return _do(request, account_id, act)


@needs(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, account_id: int) -> HttpResponse:
    """Asks first: what is deleted does not come back."""
    if request.method == "POST":

        def act() -> str:
            name = accounts.delete(account_id, by=owner(request), seen=_seen(request))
            return f"The account “{name}” is deleted, with its tokens and sessions."

        return _do(request, account_id, act, after="users")
    account = _account(request, account_id)
    row = account_row(account, owner(request), timezone.now())
    page = {"row": row, "seen": account_state(account)}
    return render(request, "backups/user_delete.html", page)


def _do(
    request: HttpRequest,
    account_id: int,
    act: Callable[[], str],
    *,
    access_form: AccessForm | None = None,
    password_form: PasswordForm | None = None,
    after: str = "user",
) -> HttpResponse:
    """Does what a form asks for and says the sentence that `act` returns. A refusal stands on the
    account's page, beside what was typed.
    """
    refusal = ""
    try:
        messages.success(request, act())
    except (UnknownAccount, UnknownToken) as e:
        raise Http404(str(e)) from e
    except (ChangedMeanwhile, LastWayIn) as e:
        refusal = str(e)
    except NotAllowed as e:
        raise PermissionDenied(str(e)) from e
    except BadValue as e:
        form = access_form or password_form
        if form is None:
            raise
        _refuse(form, e)
    else:
        if account_id == owner(request).pk:
            return _leave_own(request)
        return redirect(after) if after == "users" else redirect(after, account_id)
    return _page(
        request, account_id, access_form=access_form, password_form=password_form, refusal=refusal
    )


def _leave_own(request: HttpRequest) -> HttpResponse:
    """Leads who changed himself to a page that he may still open."""
    key = request.session.session_key
    if key is None or not request.session.exists(key):
        # It has ended with all others of the account, so nothing may be written to it.
        logout(request)
        return redirect("login")
    return redirect("account")


def _page(
    request: HttpRequest,
    account_id: int,
    *,
    access_form: AccessForm | None = None,
    password_form: PasswordForm | None = None,
    refusal: str = "",
) -> HttpResponse:
    account = _account(request, account_id)
    now = timezone.now()
    row = account_row(account, owner(request), now)
    account_tokens = tokens.tokens_of(account, now)
    http_status = 200
    if refusal:
        http_status = 409
    elif access_form or password_form:
        http_status = 400
    if access_form is None:
        access_form = AccessForm(access_of(request), initial=_initial(row))
    page = {
        "now": now,
        "row": row,
        "refusal": refusal,
        "is_own": account.pk == owner(request).pk,
        "badge": status.ACCOUNTS[row.is_active],
        "form": access_form,
        "password_form": password_form,
        "roles": ROLES.items(),
        "session_count": session_count(account, now),
        "tokens": [(token, status.TOKENS[token.state]) for token in account_tokens],
        "owner_reads": not row.access.may(Role.OPERATOR),
        "usable": [token for token in account_tokens if token.state == "usable"],
        "ending": password_form["end_tokens"].value() if password_form else [],
        "seen": account_state(account),
        "seen_sessions": sessions_state(account),
    }
    return render(request, "backups/user.html", page, status=http_status)


def _new_page(request: HttpRequest, form: NewAccountForm) -> HttpResponse:
    page = {"form": form, "roles": ROLES.items(), "longest": LONGEST_NAME}
    return render(request, "backups/user_add.html", page, status=400 if form.is_bound else 200)


def _initial(row: AccountRow) -> dict[str, object]:
    where = ALL if row.access.clouds is None else SOME
    return {"role": row.access.role, "where": where, "clouds": row.clouds or []}


def _account(request: HttpRequest, account_id: int) -> User:
    account = account_seen_by(owner(request), account_id)
    if account is None:
        raise Http404("There is no such account.")
    return account


def _refuse(form: PageForm, e: BadValue) -> None:
    field = "clouds" if e.field == "cloud" else e.field
    form.add_error(field if field in form.fields else None, str(e))


def _seen(request: HttpRequest) -> str:
    return request.POST.get("seen", "")


def _clean(text: str) -> str:
    return text.replace("\x00", "")[:LONGEST_QUERY]
