"""The form that begins a maintenance or quiet hours, with times by the reader's clock."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict

from backups.analysis import zones
from backups.edits import silences
from backups.edits.common import Actor, BadValue
from backups.models import Silence
from backups.web.page_form import PageForm

MOST_HOURS = silences.LONGEST_QUIET / timedelta(hours=1)
YEARS = range(1970, 9999)  # that are on the calendar, whatever the zone
# What an error is about, and the field of the form that it stands beside.
FIELD_OF_ERROR = {"duration": "hours", "zone": "cron_zone"}


class LocalTimeField(forms.CharField):
    """A time as a browser's own field for it sends it, or as people write it: without a zone."""

    def clean(self, value: object) -> datetime | None:
        text = str(super().clean(value)).strip()
        if not text:
            return None
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            at = None
        if at is None or at.year not in YEARS:
            raise forms.ValidationError("Write a time such as 2027-01-31 22:00.")
        return at


class SilenceForm(PageForm):
    long = ("reason", "query")

    cloud = forms.CharField(required=False)
    tag = forms.CharField(required=False, max_length=64)
    query = forms.CharField(required=False)
    begins_at = LocalTimeField(required=False)
    ends_at = LocalTimeField(required=False)
    cron = forms.CharField(required=False, max_length=200)
    hours = forms.FloatField(
        required=False,
        min_value=1 / 60,
        max_value=MOST_HOURS,
        error_messages={
            "invalid": "Write a number of hours.",
            "min_value": "Write at least 0.017 hours, a minute.",
            "max_value": f"Write at most {MOST_HOURS:.0f} hours, seven days.",
        },
    )
    cron_zone = forms.CharField(required=False, max_length=64)
    reason = forms.CharField(error_messages={"required": "Write why."})

    def begin(self, zone: ZoneInfo, actor: Actor) -> Silence | None:
        """Begins the silence; None when the errors say what is wrong."""
        if not self.is_valid():
            return None
        data = self.cleaned_data
        hours = data["hours"]
        try:
            return silences.begin(
                self._query(),
                instant_of(data["begins_at"], zone, is_end=False),
                instant_of(data["ends_at"], zone, is_end=True),
                data["reason"],
                actor=actor,
                cron=data["cron"] or None,
                duration=None if hours is None else timedelta(hours=hours),
                zone=data["cron_zone"] or zone.key,
            )
        except BadValue as e:
            self.add_error(FIELD_OF_ERROR.get(e.field, e.field), str(e))
            return None

    def _query(self) -> str:
        """Returns the filter with the cloud and the tag that were chosen beside it."""
        query = QueryDict(self.cleaned_data["query"].strip().removeprefix("?"), mutable=True)
        for key in ("cloud", "tag"):
            if self.cleaned_data[key].strip():
                query[key] = self.cleaned_data[key].strip()
        if not query and not self.data.get("everything"):
            raise BadValue("query", "Choose a cloud, a tag or a filter; or tick every alarm.")
        return query.urlencode()


def instant_of(local: datetime | None, zone: ZoneInfo, *, is_end: bool) -> datetime | None:
    """Returns the instant of a time by the reader's clock; of one with an offset, what it says."""
    if local is None or local.tzinfo is not None:
        return local
    return zones.instant_of(local, zone, is_end=is_end)
