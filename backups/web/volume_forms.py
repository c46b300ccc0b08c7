"""What operators set on disks, one or many: rule, exemption, following, label, note, tags. One form
for all input.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from django import forms

from backups.analysis.rules import BadRule, Rule, by_cron, by_period
from backups.edits import volume_edits
from backups.edits.common import Actor, BadValue, clean_tags
from backups.edits.volume_edits import VolumeKey
from backups.web.page_form import PageForm

WHAT = ("rule", "no_rule", "exempt", "end_exemption", "follow", "label", "add_tags", "remove_tags")
FOLLOW = {"yes": True, "no": False, "cloud": None}
MOST_HOURS = 10 * 366 * 24
HOURS = {
    "invalid": "Write a number of hours.",
    "max_value": f"Write at most {MOST_HOURS:,} hours, ten years.",
}
LAST_DAY = date(9999, 12, 29)  # of the calendar, whatever the zone
_HOUR = 3600
_FIELDS = {"period_seconds": "period_hours", "grace_seconds": "grace_hours", "exempt": "reason"}
_FIELDS |= {"zone": "cron_zone", "tag": "name", "cloud": "name"}


@dataclass(frozen=True)
class Many:
    """The disks that a change is for, by whom, and (for one disk) the version that was on the
    screen.
    """

    volumes: Sequence[VolumeKey]
    actor: Actor
    version: int | None
    zone: ZoneInfo


class VolumeForm(PageForm):
    undrawn: ClassVar[tuple[str, ...]] = ("what", "version", "follow")
    long = ("note", "reason", "tags")

    what = forms.ChoiceField(choices=[(one, one) for one in WHAT])
    version = forms.IntegerField(required=False)
    period_hours = forms.FloatField(required=False, max_value=MOST_HOURS, error_messages=HOURS)
    grace_hours = forms.FloatField(required=False, max_value=MOST_HOURS, error_messages=HOURS)
    cron = forms.CharField(required=False, max_length=200)
    cron_zone = forms.CharField(required=False, max_length=64)
    reason = forms.CharField(required=False)
    until = forms.DateField(
        required=False, error_messages={"invalid": "Write a date such as 2027-01-31."}
    )
    follow = forms.ChoiceField(required=False, choices=[(one, one) for one in FOLLOW])
    label = forms.CharField(required=False)
    note = forms.CharField(required=False)
    tags = forms.CharField(required=False)

    def clean_until(self) -> date | None:
        until: date | None = self.cleaned_data["until"]
        if until is not None and until > LAST_DAY:
            raise forms.ValidationError(
                "Write an earlier date, or none for an exemption without an end."
            )
        return until

    def clean(self) -> None:
        """An untouched choice is none of the three."""
        if self.cleaned_data.get("what") == "follow" and not self.cleaned_data.get("follow"):
            self.add_error("follow", "Choose yes, no, or as the cloud says.")

    def change(self, many: Many) -> int | None:
        """Write it; how many disks really changed. None: the errors say what is wrong. Raises
        Conflict, UnknownDisk.
        """
        if not self.is_valid():
            return None
        try:
            return _CHANGES[self.cleaned_data["what"]](self, many)
        except (BadRule, BadValue) as e:
            self.refuse(e)
            return None

    def refuse(self, e: BadRule | BadValue) -> None:
        """Put the sentence beside the field at fault."""
        field = _FIELDS.get(e.field, e.field)
        self.add_error(field if field in self.fields else None, str(e))

    def rule(self, zone: ZoneInfo) -> Rule:
        """By cron when an expression is given. Raises BadRule."""
        given = self.cleaned_data
        grace = round((2 if given["grace_hours"] is None else given["grace_hours"]) * _HOUR)
        if given["cron"].strip():
            return by_cron(
                cron=given["cron"], zone=given["cron_zone"].strip() or zone.key, grace_seconds=grace
            )
        if given["period_hours"] is None:
            raise BadRule("period_seconds", "Write how often in hours, or a cron expression.")
        return by_period(period_seconds=round(given["period_hours"] * _HOUR), grace_seconds=grace)

    def until_end(self, zone: ZoneInfo) -> datetime | None:
        """The end of the last day, in the reader's zone."""
        day = self.cleaned_data["until"]
        return (
            datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC) if day else None
        )

    def tag_list(self) -> list[str]:
        return str(self.cleaned_data["tags"]).replace("\n", ",").split(",")


def _rule(form: VolumeForm, many: Many) -> int:
    return volume_edits.set_rule(
        many.volumes, form.rule(many.zone), actor=many.actor, version=many.version
    )


def _exempt(form: VolumeForm, many: Many) -> int:
    reason, until = form.cleaned_data["reason"], form.until_end(many.zone)
    return volume_edits.exempt(many.volumes, reason, until, actor=many.actor, version=many.version)


def _follow(form: VolumeForm, many: Many) -> int:
    follow = FOLLOW.get(form.cleaned_data["follow"])
    return volume_edits.set_follow(many.volumes, follow, actor=many.actor, version=many.version)


def _label(form: VolumeForm, many: Many) -> int:
    """Label, note and tags stand in one form: one change, so that it raises the version once."""
    given = form.cleaned_data
    columns = {
        "label": volume_edits.clean_label(given["label"]),
        "note": volume_edits.clean_note(given["note"]),
        "tags": clean_tags(form.tag_list()),
    }
    return volume_edits.change(many.volumes, columns, actor=many.actor, version=many.version)


_CHANGES: dict[str, Callable[[VolumeForm, Many], int]] = {
    "rule": _rule,
    "no_rule": lambda form, many: volume_edits.set_rule(
        many.volumes, None, actor=many.actor, version=many.version
    ),
    "exempt": _exempt,
    "end_exemption": lambda form, many: volume_edits.end_exemption(
        many.volumes, actor=many.actor, version=many.version
    ),
    "follow": _follow,
    "label": _label,
    "add_tags": lambda form, many: volume_edits.add_tags(
        many.volumes, form.tag_list(), actor=many.actor
    ),
    "remove_tags": lambda form, many: volume_edits.add_tags(
        many.volumes, (), form.tag_list(), actor=many.actor
    ),
}
