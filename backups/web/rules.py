"""The rules of clouds and of tags with who set them, and the form that makes a disk known by
hand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from backups.analysis.rules import DEFAULT, BadRule
from backups.clouds import registry
from backups.edits import protection_rules, volume_edits
from backups.edits.common import Actor, BadValue, Conflict
from backups.edits.protection_rules import Shared
from backups.models import Cloud
from backups.web.page_form import PageForm
from backups.web.volume_forms import VolumeForm
from backups.web.zone import zone

SET: dict[str, Callable[..., None]] = {
    "tag": protection_rules.set_tag_rule,
    "cloud": protection_rules.set_cloud_rule,
}


class RuleForm(VolumeForm):
    """`of` and `name`: the tag or cloud; `version`: the one that was on the screen, 0 where no rule
    was.
    """

    undrawn = (*VolumeForm.undrawn, "of", "until")

    what = forms.ChoiceField(choices=[("rule", "rule"), ("no_rule", "no_rule")])
    of = forms.ChoiceField(choices=[(one, one) for one in SET])
    name = forms.CharField(error_messages={"required": "Write the tag."})

    def write(self, request: HttpRequest) -> bool:
        """False: the errors say what is wrong. Raises Conflict."""
        if not self.is_valid():
            return False
        given, actor = self.cleaned_data, Actor(request.user.get_username(), timezone.now())
        try:
            rule = self.rule(zone(request)) if given["what"] == "rule" else None
            SET[given["of"]](given["name"], rule, actor=actor, version=given["version"])
        except (BadRule, BadValue) as e:
            self.refuse(e)
            return False
        return True


class RegisterForm(PageForm):
    cloud = forms.CharField(error_messages={"required": "Choose the cloud that has the disk."})
    volume_id = forms.CharField(error_messages={"required": "Write the ID of the disk."})
    label = forms.CharField(required=False)


@dataclass(frozen=True)
class Shown:
    """A form of the page. `rule` None: none is set; `form`: what was typed and refused."""

    of: str
    name: str
    key: str
    rule: Shared | None
    form: RuleForm | None

    @property
    def version(self) -> int:
        return self.rule.version if self.rule else 0

    @property
    def hours(self) -> dict[str, str]:
        rule = self.rule.rule if self.rule else DEFAULT
        return {
            "period": f"{rule.period.total_seconds() / 3600:g}",
            "grace": f"{rule.grace.total_seconds() / 3600:g}",
        }


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    return _page(request)


@require_POST
def set_rule(request: HttpRequest) -> HttpResponse:
    """What somebody else changed meanwhile is said, and what was typed stays."""
    form = RuleForm(request.POST)
    try:
        if form.write(request):
            messages.success(request, "Saved.")
            return redirect("rules")
    except Conflict as e:
        return _page(request, form=form, conflict=e)
    return _page(request, form=form)


@require_POST
def register(request: HttpRequest) -> HttpResponse:
    """Make a disk known that no list names and no tracked backup is of."""
    form = RegisterForm(request.POST)
    if form.is_valid():
        given, actor = form.cleaned_data, Actor(request.user.get_username(), timezone.now())
        try:
            new = volume_edits.register(
                given["cloud"], given["volume_id"], label=given["label"] or None, actor=actor
            )
        except BadValue as e:
            form.add_error(e.field, str(e))
        else:
            messages.success(request, "Registered." if new else "This disk was known already.")
            return redirect("volume", given["cloud"], given["volume_id"].strip())
    return _page(request, registering=form)


def _page(
    request: HttpRequest,
    *,
    form: RuleForm | None = None,
    conflict: Conflict | None = None,
    registering: RegisterForm | None = None,
) -> HttpResponse:
    known = {*registry.configured(), *Cloud.objects.values_list("name", flat=True)}
    of_clouds = {one.name: one for one in protection_rules.of_clouds()}
    of_tags = {one.name: one for one in protection_rules.of_tags()}
    shown = [
        _shown("cloud", name, of_clouds.get(name), n, form) for n, name in enumerate(sorted(known))
    ]
    tags = [_shown("tag", name, one, n, form) for n, (name, one) in enumerate(of_tags.items())]
    new = _new(form, of_tags)
    page: dict[str, Any] = {
        "default": DEFAULT.sentence,
        "clouds": shown,
        "tags": tags,
        "new": new,
        "lost": form if form and not any(one.form for one in (*shown, *tags, new)) else None,
        "conflict": conflict,
        "registering": registering,
        "cloud_names": sorted(known),
        "zone": zone(request),
    }
    status = 409 if conflict else 400 if form or registering else 200
    return render(request, "backups/rules.html", page, status=status)


def _shown(of: str, name: str, rule: Shared | None, n: int, form: RuleForm | None) -> Shown:
    mine = form is not None and (form.data.get("of"), form.data.get("name")) == (of, name)
    return Shown(of, name, f"-{of}-{n}", rule, form if mine else None)


def _new(form: RuleForm | None, there: dict[str, Shared]) -> Shown:
    """The form for a tag without a rule; what was typed there and refused stays."""
    mine = form is not None and form.data.get("of") == "tag" and form.data.get("name") not in there
    return Shown("tag", "", "-new", None, form if mine else None)
