"""What operators set on disks, one or many: rule, exemption, following, label, note, tags. One form
for all input.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from django import forms

from backups.analysis.numbers import thousands
from backups.analysis.rules import BadRule, Rule, by_cron, by_period
from backups.edits import volume_edits
from backups.edits.common import Actor, BadValue, clean_tags
from backups.edits.volume_edits import clean_label, clean_note
from backups.query.volume_keys import VolumeKey
from backups.web.page_form import PageForm, choices

CHANGES = (
    "rule",
    "no_rule",
    "exempt",
    "end_exemption",
    "follow",
    "label",
    "add_tags",
    "remove_tags",
)
FOLLOW = {"yes": True, "no": False, "cloud": None}
MOST_HOURS = 10 * 366 * 24
DEFAULT_GRACE_HOURS = 2
LEAST_PERIOD_HOURS = 1 / 60
HOURS_ERRORS = {
    "invalid": "Write a number of hours.",
    "max_value": f"Write at most {thousands(MOST_HOURS)} hours, ten years.",
    "min_value": "Write 0 hours or more.",
}
LAST_DAY = date(9999, 12, 29)  # of the calendar, whatever the zone
SECONDS_PER_HOUR = 3600
# What an error is about, and the field of the form that it stands beside.
FIELD_OF_ERROR = {
    "period_seconds": "period_hours",
    "grace_seconds": "grace_hours",
    "exempt": "reason",
    "zone": "cron_zone",
    "tag": "name",
    "cloud": "name",
}


@dataclass(frozen=True)
class VolumeChange:
    """The volumes that a change is for, by whom, and (for one volume) the version that
    was on the screen.
    """

    volumes: Sequence[VolumeKey]
    actor: Actor
    version: int | None
    zone: ZoneInfo


class VolumeForm(PageForm):
    undrawn: ClassVar[tuple[str, ...]] = ("what", "version", "follow")
    long = ("note", "reason", "tags")

    what = forms.ChoiceField(choices=choices(CHANGES))
    version = forms.IntegerField(required=False)
    period_hours = forms.FloatField(
        required=False,
        min_value=LEAST_PERIOD_HOURS,
        max_value=MOST_HOURS,
        error_messages=HOURS_ERRORS | {"min_value": "Write at least 0.017 hours, a minute."},
    )
    grace_hours = forms.FloatField(
        required=False, min_value=0, max_value=MOST_HOURS, error_messages=HOURS_ERRORS
    )
    cron = forms.CharField(required=False, max_length=200)
    cron_zone = forms.CharField(required=False, max_length=64)
    reason = forms.CharField(required=False)
    until = forms.DateField(
        required=False, error_messages={"invalid": "Write a date such as 2027-01-31."}
    )
    follow = forms.ChoiceField(required=False, choices=choices(FOLLOW))
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
        # A choice that nobody touched is none of the three.
        if self.cleaned_data.get("what") == "follow" and not self.cleaned_data.get("follow"):
            self.add_error("follow", "Choose yes, no, or as the cloud says.")

    def apply(self, change: VolumeChange) -> int | None:
        """Writes the change and returns how many volumes really changed; None when the errors say
        what is wrong. Raises Conflict, UnknownVolume.
        """
        if not self.is_valid():
            return None
        try:
            return _WRITERS[self.cleaned_data["what"]](self, change)
        except (BadRule, BadValue) as e:
            self.refuse(e)
            return None

    def refuse(self, e: BadRule | BadValue) -> None:
        """Puts the sentence beside the field at fault."""
        field = FIELD_OF_ERROR.get(e.field, e.field)
        self.add_error(field if field in self.fields else None, str(e))

    def rule(self, zone: ZoneInfo) -> Rule:
        """Returns a rule by cron when an expression is typed, else by period. Raises BadRule."""
        data = self.cleaned_data
        grace_hours = data["grace_hours"]
        if grace_hours is None:
            grace_hours = DEFAULT_GRACE_HOURS
        grace_seconds = round(grace_hours * SECONDS_PER_HOUR)
        if data["cron"].strip():
            zone_name = data["cron_zone"].strip() or zone.key
            return by_cron(cron=data["cron"], zone=zone_name, grace_seconds=grace_seconds)
        if data["period_hours"] is None:
            raise BadRule("period_seconds", "Write how often in hours, or a cron expression.")
        period_seconds = round(data["period_hours"] * SECONDS_PER_HOUR)
        return by_period(period_seconds=period_seconds, grace_seconds=grace_seconds)

    def until_end(self, zone: ZoneInfo) -> datetime | None:
        """Returns the end of the last day in the reader's zone, as UTC."""
        day: date | None = self.cleaned_data["until"]
        if day is None:
            return None
        return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)

    def tag_list(self) -> list[str]:
        return str(self.cleaned_data["tags"]).replace("\n", ",").split(",")


def hours_text(seconds: float) -> str:
    """Returns a length as a field for hours shows it: 24, 0.5."""
    return f"{seconds / SECONDS_PER_HOUR:g}"


def _set_rule(form: VolumeForm, change: VolumeChange) -> int:
    rule = form.rule(change.zone)
    return volume_edits.set_rule(change.volumes, rule, actor=change.actor, version=change.version)


def _remove_rule(form: VolumeForm, change: VolumeChange) -> int:
    return volume_edits.set_rule(change.volumes, None, actor=change.actor, version=change.version)


def _exempt(form: VolumeForm, change: VolumeChange) -> int:
    return volume_edits.exempt(
        change.volumes,
        form.cleaned_data["reason"],
        form.until_end(change.zone),
        actor=change.actor,
        version=change.version,
    )


def _end_exemption(form: VolumeForm, change: VolumeChange) -> int:
    return volume_edits.end_exemption(change.volumes, actor=change.actor, version=change.version)


def _set_follow(form: VolumeForm, change: VolumeChange) -> int:
    follow = FOLLOW[form.cleaned_data["follow"]]
    return volume_edits.set_follow(
        change.volumes, follow, actor=change.actor, version=change.version
    )


def _set_labels(form: VolumeForm, change: VolumeChange) -> int:
    """Label, note and tags stand in one form: one change, so that it raises the version once."""
    data = form.cleaned_data
    columns = {
        "label": clean_label(data["label"]),
        "note": clean_note(data["note"]),
        "tags": clean_tags(form.tag_list()),
    }
    return volume_edits.change(change.volumes, columns, actor=change.actor, version=change.version)


def _add_tags(form: VolumeForm, change: VolumeChange) -> int:
    return volume_edits.add_tags(change.volumes, form.tag_list(), actor=change.actor)


def _remove_tags(form: VolumeForm, change: VolumeChange) -> int:
    return volume_edits.add_tags(change.volumes, (), form.tag_list(), actor=change.actor)


_WRITERS: dict[str, Callable[[VolumeForm, VolumeChange], int]] = {
    "rule": _set_rule,
    "no_rule": _remove_rule,
    "exempt": _exempt,
    "end_exemption": _end_exemption,
    "follow": _set_follow,
    "label": _set_labels,
    "add_tags": _add_tags,
    "remove_tags": _remove_tags,
}
