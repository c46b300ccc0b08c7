"""The rules of clouds and of tags with who set them, and the form that makes a
disk known by hand.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from backups.analysis.rules import DEFAULT, BadRule
from backups.edits import protection_rules, volume_edits
from backups.edits.common import BadValue, Conflict, NotAllowed
from backups.edits.protection_rules import Shared
from backups.models import Role
from backups.query.volume_keys import stored_volume_id
from backups.reports.clouds import cloud_names
from backups.shared.access import access_of
from backups.web.actor import actor
from backups.web.page_form import PageForm, choices
from backups.web.time_zone import zone
from backups.web.volume_forms import VolumeForm, hours_text

SET_RULE: dict[str, Callable[..., None]] = {
    "tag": protection_rules.set_tag_rule,
    "cloud": protection_rules.set_cloud_rule,
}


class RuleForm(VolumeForm):
    """`of` and `name`: the tag or cloud; `version`: the one that was on the screen, 0
    where no rule was.
    """

    undrawn = (*VolumeForm.undrawn, "of", "until")

    what = forms.ChoiceField(choices=choices(["rule", "no_rule"]))
    of = forms.ChoiceField(choices=choices(SET_RULE))
    name = forms.CharField(error_messages={"required": "Write the tag."})

    def write(self, request: HttpRequest) -> bool:
        """Sets the rule; False when the errors say what is wrong. Raises Conflict."""
        if not self.is_valid():
            return False
        data = self.cleaned_data
        set_rule = SET_RULE[data["of"]]
        try:
            rule = self.rule(zone(request)) if data["what"] == "rule" else None
            set_rule(data["name"], rule, actor=actor(request), version=data["version"])
        except (BadRule, BadValue) as e:
            self.refuse(e)
            return False
        except NotAllowed as e:
            raise PermissionDenied(str(e)) from e
        return True

    def is_of(self, of: str, name: str) -> bool:
        """Was it sent for this tag or cloud?"""
        return (self.data.get("of"), self.data.get("name")) == (of, name)


class RegisterForm(PageForm):
    cloud = forms.CharField(error_messages={"required": "Choose the cloud that has the disk."})
    volume_id = forms.CharField(error_messages={"required": "Write the ID of the disk."})
    label = forms.CharField(required=False)


@dataclass(frozen=True)
class RuleEntry:
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
            "period": hours_text(rule.period.total_seconds()),
            "grace": hours_text(rule.grace.total_seconds()),
        }


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    return _page(request)


@require_POST
def set_rule(request: HttpRequest) -> HttpResponse:
    """Sets or takes away a rule. What somebody else changed meanwhile is said, and
    what was typed stays.
    """
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
    """Makes a volume known that no list names and no tracked backup is of."""
    form = RegisterForm(request.POST)
    if not form.is_valid():
        return _page(request, registering=form)
    data = form.cleaned_data
    try:
        is_new = volume_edits.register(
            data["cloud"], data["volume_id"], label=data["label"] or None, actor=actor(request)
        )
    except BadValue as e:
        form.add_error(e.field, str(e))
        return _page(request, registering=form)
    messages.success(request, "Registered." if is_new else "This disk was known already.")
    volume_id = volume_edits.clean_volume_id(data["volume_id"])
    return redirect("volume", data["cloud"], stored_volume_id(data["cloud"], volume_id))


def _page(
    request: HttpRequest,
    *,
    form: RuleForm | None = None,
    conflict: Conflict | None = None,
    registering: RegisterForm | None = None,
) -> HttpResponse:
    access = access_of(request)
    names = sorted(cloud_names(access=access))
    cloud_rules = {rule.name: rule for rule in protection_rules.of_clouds(access=access)}
    tag_rules = {rule.name: rule for rule in protection_rules.of_tags(access=access)}
    clouds = _entries("cloud", names, cloud_rules, form)
    tags = _entries("tag", list(tag_rules), tag_rules, form)
    new_tag = RuleEntry("tag", "", "-new", rule=None, form=_form_of_new_tag(form, tag_rules))
    has_place = any(entry.form for entry in (*clouds, *tags, new_tag))
    page = {
        "now": timezone.now(),
        "default": DEFAULT.sentence,
        "clouds": clouds,
        "tags": tags,
        "new": new_tag,
        "lost": form if not has_place else None,
        "may_set_tags": access.may(Role.OPERATOR) and access.clouds is None,
        "conflict": conflict,
        "registering": registering,
        "cloud_names": names,
        "zone": zone(request),
    }
    status = 200
    if conflict:
        status = 409
    elif form or registering:
        status = 400
    return render(request, "backups/rules.html", page, status=status)


def _entries(
    of: str, names: Sequence[str], rules_by_name: dict[str, Shared], form: RuleForm | None
) -> list[RuleEntry]:
    entries = []
    for number, name in enumerate(names):
        own_form = form if form is not None and form.is_of(of, name) else None
        rule = rules_by_name.get(name)
        entries.append(RuleEntry(of, name, f"-{of}-{number}", rule, own_form))
    return entries


def _form_of_new_tag(form: RuleForm | None, tag_rules: dict[str, Shared]) -> RuleForm | None:
    """Returns what was typed for a tag without a rule and refused."""
    if form is None or form.data.get("of") != "tag" or form.data.get("name") in tag_rules:
        return None
    return form
