"""The account: how its owner reads, what scripts may do in its name, which lists are kept."""

from typing import Any, cast
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from backups.clouds import registry
from backups.edits import tokens
from backups.edits.tokens import BadToken, Created
from backups.models import Preferences, SavedView
from backups.models.preferences import THEMES
from backups.web import status, zone
from backups.web.page_form import PageForm
from backups.web.zone import owner


class LookForm(PageForm):
    theme = forms.ChoiceField(choices=[(one, one) for one in THEMES])
    time_zone = forms.CharField(required=False, max_length=64)

    def clean_time_zone(self) -> str:
        name = str(self.cleaned_data["time_zone"])
        if name and zone.named(name) is None:
            raise forms.ValidationError(
                f"“{name}” is no time zone. Write one like Europe/Berlin, or nothing."
            )
        return name


class TokenForm(PageForm):
    undrawn = ("clouds", "read_only")

    name = forms.CharField(required=False, max_length=1000)
    days = forms.IntegerField(
        required=False, error_messages={"invalid": "Write a number of days, or nothing."}
    )
    read_only = forms.BooleanField(required=False)
    clouds = forms.MultipleChoiceField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.MultipleChoiceField, self.fields["clouds"]).choices = [
            (one, one) for one in registry.configured()
        ]


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    return _page(request)


@require_POST
def look(request: HttpRequest) -> HttpResponse:
    form = LookForm(request.POST)
    if not form.is_valid():
        return _page(request, look_form=form)
    _keep(request, theme=form.cleaned_data["theme"], time_zone=form.cleaned_data["time_zone"])
    messages.success(request, "Theme and time zone are kept on your account.")
    return redirect("account")


@require_POST
def keys(request: HttpRequest) -> HttpResponse:
    wanted = request.POST.get("single_keys") == "on"
    _keep(request, single_keys=wanted)
    messages.success(request, "Single keys are on." if wanted else "Single keys are off.")
    return redirect("account")


@never_cache
@require_POST
def create_token(request: HttpRequest) -> HttpResponse:
    """The key stands on the page that answers, and nowhere else."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, token_form=form)
    try:
        made = tokens.create(user=owner(request), now=timezone.now(), **form.cleaned_data)
    except BadToken as e:
        form.add_error(e.field, str(e))
        return _page(request, token_form=form)
    return _page(request, made=made)


@require_POST
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    if tokens.revoke(user=owner(request), token_id=token_id, now=timezone.now()):
        messages.success(request, "The token opens nothing any more.")
    else:
        messages.info(request, "There is no such token in use.")
    return redirect("account")


def _page(
    request: HttpRequest,
    *,
    look_form: LookForm | None = None,
    token_form: TokenForm | None = None,
    made: Created | None = None,
) -> HttpResponse:
    now = timezone.now()
    mine = zone.reader(request)
    named = str(mine.zone) if mine.source == "account" else ""
    owned = [(token, status.TOKENS[token.state]) for token in tokens.tokens_of(owner(request), now)]
    page = {
        "now": now,
        "look_form": look_form or LookForm({"theme": mine.theme, "time_zone": named}),
        "token_form": token_form or TokenForm(initial={"read_only": True}),
        "made": made,
        "themes": THEMES,
        "zones": sorted(available_timezones()),
        "tokens": owned,
        "cloud_names": sorted(registry.configured()),
        "views": SavedView.objects.filter(user=owner(request)),
    }
    wrong = look_form is not None or token_form is not None
    return render(request, "backups/account.html", page, status=400 if wrong else 200)


def _keep(request: HttpRequest, **words: Any) -> None:
    Preferences.objects.update_or_create(user=owner(request), defaults=words)
