"""The account: how its owner reads, what scripts may do in its name, which lists are kept."""

import uuid
from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from backups.analysis import zones
from backups.analysis.numbers import thousands
from backups.clouds import registry
from backups.edits import preferences, sessions, tokens
from backups.edits.tokens import AlreadyMade, BadToken, Created
from backups.models import Access, Role
from backups.models.preferences import THEMES
from backups.reports.account import saved_views_of, session_count
from backups.shared.access import access_of
from backups.shared.role_needed import needs
from backups.web import density, shown_once, status
from backups.web.back import back_to_sender
from backups.web.page_form import PageForm, choices
from backups.web.referer import page_before
from backups.web.time_zone import Reader, owner, reader

FORM_SENT_AGAIN = (
    "This form was sent before, and made one token then. Its key is shown once: if it is lost, "
    "revoke the token and make another one."
)


DAYS_LIMIT = f"Write a number of days from 1 to {thousands(tokens.MOST_DAYS)}."


class AppearanceForm(PageForm):
    theme = forms.ChoiceField(choices=choices(THEMES))
    time_zone = forms.CharField(required=False, max_length=64)

    def clean_time_zone(self) -> str:
        name = str(self.cleaned_data["time_zone"])
        if not name:
            return ""
        zone = zones.zone_named(name)
        if zone is None:
            raise forms.ValidationError(
                f"“{name}” is no time zone. {zones.cure(name)}, or nothing."
            )
        return zone.key


class TokenForm(PageForm):
    undrawn = ("clouds", "read_only", "form_id")

    # New with each page that draws the form.
    form_id = forms.RegexField("^[0-9a-f]{32}$", required=False)
    name = forms.CharField(
        max_length=1000,
        error_messages={"required": "Write what it is for: the name tells it from others later."},
    )
    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=tokens.MOST_DAYS,
        error_messages={
            "invalid": "Write a number of days.",
            "min_value": DAYS_LIMIT,
            "max_value": DAYS_LIMIT,
        },
    )
    no_end = forms.BooleanField(required=False)
    read_only = forms.BooleanField(required=False)
    clouds = forms.MultipleChoiceField(required=False)

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        clouds = cast(forms.MultipleChoiceField, self.fields["clouds"])
        clouds.choices = choices(registry.configured_for(access))

    def clean(self) -> None:
        """A token without an end is one that somebody wanted so."""
        data = self.cleaned_data
        if data.get("no_end"):
            data["days"] = None
        elif data.get("days") is None and "days" not in self.errors:
            self.add_error("days", "Write after how many days it ends, or choose no end.")


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    created = shown_once.carried(request, owner(request), timezone.now())
    return shown_once.put_down(request, _page(request, created=created))


@needs(Role.VIEWER)
@require_POST
def set_appearance(request: HttpRequest) -> HttpResponse:
    form = AppearanceForm(request.POST)
    if not form.is_valid():
        return _page(request, appearance_form=form)
    preferences.set_theme_and_zone(owner(request), **form.cleaned_data)
    messages.success(request, "Theme and time zone are kept on your account.")
    return redirect("account")


@needs(Role.VIEWER)
@require_POST
def set_single_keys(request: HttpRequest) -> HttpResponse:
    on = request.POST.get("single_keys") == "on"
    preferences.set_single_keys(owner(request), on=on)
    messages.success(request, "Single keys are on." if on else "Single keys are off.")
    return redirect("account")


@needs(Role.VIEWER)
@require_POST
def set_density(request: HttpRequest) -> HttpResponse:
    """Leads back to the list that sent it; the rows say by themselves that it is so. A list that
    was searched since has another address than the form knows, which the browser tells.
    """
    preferences.set_compact_lists(owner(request), on=request.POST.get("compact") == "on")
    sender = page_before(request)
    return back_to_sender(request) if sender is None else redirect(density.path_without(sender))


@needs(Role.VIEWER)
@never_cache
@require_POST
def create_token(request: HttpRequest) -> HttpResponse:
    """Makes a token, and leads to the page that shows its key once (shown_once.py)."""
    access = access_of(request)
    form = TokenForm(request.POST, access=access)
    if not form.is_valid():
        return _page(request, token_form=form)
    values = form.cleaned_data
    values["form_id"] = values["form_id"] or None
    del values["no_end"]
    if not access.may(Role.OPERATOR):
        values["read_only"] = True
    try:
        created = tokens.create(user=owner(request), now=timezone.now(), **values)
    except BadToken as e:
        form.add_error(e.field, str(e))
        return _page(request, token_form=form)
    except AlreadyMade:
        messages.info(request, FORM_SENT_AGAIN)
        return redirect("account")
    return shown_once.carry(redirect("account"), created)


@needs(Role.VIEWER)
@require_POST
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    user = owner(request)
    if not tokens.is_of(user, token_id):
        raise Http404("You have no such token.")
    if tokens.revoke(user=user, token_id=token_id, now=timezone.now()):
        messages.success(request, "The token opens nothing any more.")
    else:
        messages.info(request, "This token was revoked before.")
    return redirect("account")


@needs(Role.VIEWER)
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    ended = sessions.end_others(owner(request), own_key=request.session.session_key)
    messages.success(request, f"Signed out everywhere else: {ended} ended.")
    return redirect("account")


def _page(
    request: HttpRequest,
    *,
    appearance_form: AppearanceForm | None = None,
    token_form: TokenForm | None = None,
    created: Created | None = None,
) -> HttpResponse:
    now = timezone.now()
    access = access_of(request)
    current = reader(request)
    is_refused = appearance_form is not None or token_form is not None
    if appearance_form is None:
        own_zone = current.zone.key if current.source == "account" else ""
        appearance_form = AppearanceForm({"theme": current.theme, "time_zone": own_zone})
    if token_form is None:
        token_form = TokenForm(initial={"read_only": True}, access=access)
    own_tokens = tokens.tokens_of(owner(request), now)
    page = {
        "now": now,
        "appearance_form": appearance_form,
        "token_form": token_form,
        "created": created,
        "form_id": uuid.uuid4().hex,
        "session_count": session_count(owner(request), now),
        "themes": THEMES,
        "zones": zones.offered(now.replace(minute=0, second=0, microsecond=0)),
        "zone_in_use": _zone_in_use(current, now),
        "tokens": [(token, status.TOKENS[token.state]) for token in own_tokens],
        "owner_reads": not access.may(Role.OPERATOR),
        "cloud_names": sorted(registry.configured_for(access)),
        "views": saved_views_of(owner(request)),
    }
    return render(request, "backups/account.html", page, status=400 if is_refused else 200)


def _open_names(access: Access) -> list[str]:
    return [name for name in sorted(registry.configured()) if access.opens(name)]


def _zone_in_use(current: Reader, now: datetime) -> str:
    """Returns which time zone the pages are in, why, and what that means now."""
    name = current.zone.key
    reason = ""
    if current.source == "browser":
        reason = ", from your browser"
    elif current.source == "default" and not current.unknown_zone:
        reason = ", as your browser names none"
    sentences = [f"Now used: {name}{reason}."]
    if current.unknown_zone:
        sentences.insert(0, f"This host does not know the time zone “{current.unknown_zone}”.")
    offset = zones.offset_at(current.zone, now)
    if offset != name:
        sentences.append(f"That is {offset} now.")
    return " ".join(sentences)
