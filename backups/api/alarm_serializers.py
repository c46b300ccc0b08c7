"""The serializers of alarms, silences and deliveries in the JSON API."""

from datetime import datetime
from typing import NotRequired, TypedDict

from rest_framework import serializers

from backups.api.serializers import PageSerializer, Serializer, StrictSerializer
from backups.api.strict_fields import StrictIntegerField, StrictTextField
from backups.models import AlarmKind, DeliveryKind, DeliveryState, Ended
from backups.query.alarms import STAGES
from backups.query.silence_list import STATES


class MuteSerializer(Serializer):
    by = serializers.ChoiceField(
        ["silence", "cloud"], help_text="The cloud: it does not answer, and that is told alone."
    )
    silence = serializers.IntegerField(
        allow_null=True, help_text="Null where it is about clouds as well that are not open to you."
    )
    until = serializers.DateTimeField(allow_null=True)
    who = serializers.CharField()
    reason = serializers.CharField()


class AlarmSerializer(Serializer):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(AlarmKind.values)
    severity = serializers.ChoiceField(["critical", "warning"])
    cloud = serializers.CharField()
    subject = serializers.CharField(help_text="A disk's or backup's ID, or the cloud, by its kind.")
    state = serializers.CharField(help_text="A word of `attention`: overdue, error, stuck, …")
    title = serializers.CharField(help_text="What a person calls the subject.")
    sentence = serializers.CharField()
    next = serializers.CharField()
    volume_id = serializers.CharField(allow_null=True)
    backup_id = serializers.UUIDField(allow_null=True)
    evidence = serializers.CharField(help_text="What it is read off.")
    evidence_at = serializers.DateTimeField(
        allow_null=True, help_text="When the cloud last said that; of what is over, as it was then."
    )
    since = serializers.DateTimeField(allow_null=True, help_text="When the trouble began.")
    opened_at = serializers.DateTimeField(help_text="When it was found.")
    held_until = serializers.DateTimeField(help_text="Pending until then.")
    closed_at = serializers.DateTimeField(allow_null=True)
    ended = serializers.ChoiceField([*Ended.values, ""], help_text="Empty while it is open.")
    changes = serializers.IntegerField(help_text="How often it was opened and closed.")
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledged_by = serializers.CharField()
    acknowledged_reason = serializers.CharField()
    stage = serializers.ChoiceField(STAGES)
    muted = MuteSerializer(allow_null=True, help_text="What mutes it; null in any other stage.")


class AlarmPageSerializer(PageSerializer):
    results = AlarmSerializer(many=True)


class AcknowledgeSerializer(StrictSerializer):
    reason = StrictTextField(required=False, allow_blank=True, max_length=500)


class Acknowledge(TypedDict):
    reason: NotRequired[str]


class SilenceSerializer(Serializer):
    id = serializers.IntegerField()
    query = serializers.CharField(help_text="Which alarms, as in the address of their list.")
    reason = serializers.CharField()
    by = serializers.CharField()
    made_at = serializers.DateTimeField()
    begins_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True, help_text="Null: it recurs without end.")
    cron = serializers.CharField(allow_null=True, help_text="It holds from each of these times on.")
    duration_seconds = serializers.IntegerField(allow_null=True)
    zone = serializers.CharField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True, help_text="By a person, before its time.")
    ended_by = serializers.CharField()
    state = serializers.ChoiceField(STATES)
    until = serializers.DateTimeField(allow_null=True, help_text="So long it holds now.")
    next_at = serializers.DateTimeField(allow_null=True, help_text="When it next holds.")
    mutes = serializers.IntegerField(
        allow_null=True, help_text="How many alarms; null where it does not hold."
    )


class SilencePageSerializer(PageSerializer):
    results = SilenceSerializer(many=True)


class NewSilenceSerializer(StrictSerializer):
    query = StrictTextField(
        allow_blank=True,
        max_length=8_000,
        help_text="Which alarms, as in the address of their list, without stage; empty for all.",
    )
    reason = StrictTextField(max_length=500)
    begins_at = serializers.DateTimeField(required=False, allow_null=True)
    ends_at = serializers.DateTimeField(required=False, allow_null=True)
    cron = StrictTextField(required=False, allow_null=True, max_length=100)
    duration_seconds = StrictIntegerField(
        required=False, allow_null=True, min_value=60, max_value=7 * 86_400
    )
    zone = StrictTextField(required=False, allow_null=True, max_length=64)


class NewSilence(TypedDict):
    query: str
    reason: str
    begins_at: NotRequired[datetime | None]
    ends_at: NotRequired[datetime | None]
    cron: NotRequired[str | None]
    duration_seconds: NotRequired[int | None]
    zone: NotRequired[str | None]


class TrySerializer(Serializer):
    at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField()
    is_delivered = serializers.BooleanField()
    http_status = serializers.IntegerField(allow_null=True)
    sentence = serializers.CharField()


class DeliverySerializer(Serializer):
    id = serializers.IntegerField()
    event_id = serializers.UUIDField(help_text="The same over all tries.")
    channel = serializers.CharField()
    kind = serializers.ChoiceField(DeliveryKind.values)
    cloud = serializers.CharField(allow_null=True, help_text="Null of a digest and a test.")
    written_at = serializers.DateTimeField()
    send_at = serializers.DateTimeField(help_text="Not before.")
    state = serializers.ChoiceField(DeliveryState.values)
    attempts = serializers.IntegerField()
    finished_at = serializers.DateTimeField(allow_null=True)
    headline = serializers.CharField(help_text="Empty before the first try.")
    tells = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Of how many alarms: opened, recovered, flapping.",
    )
    tries = TrySerializer(many=True, help_text="The newest first, at most a hundred.")


class DeliveryPageSerializer(PageSerializer):
    results = DeliverySerializer(many=True)
