"""The shapes of the JSON API. Lists are served from `.values()`; these describe them, and a test proves both equal."""

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers

from backups.models import Backup
from backups.models.backup import HIDDEN

WORDS = tuple(f.name for f in Backup._meta.concrete_fields if f.name not in HIDDEN)


class ErrorSerializer(serializers.Serializer[Any]):
    http_status = serializers.IntegerField(allow_null=True)
    code = serializers.CharField(allow_null=True)
    message = serializers.CharField()
    since = serializers.DateTimeField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {"class": serializers.CharField(), **super().get_fields()}


class LinkSerializer(serializers.Serializer[Any]):
    rel = serializers.CharField()
    href = serializers.CharField()


class BackupSerializer(serializers.ModelSerializer[Backup]):
    tracking_state = serializers.CharField()
    links = LinkSerializer(many=True)
    error = ErrorSerializer(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    decode_problems = serializers.ListField(child=serializers.CharField())
    unmapped = serializers.DictField(allow_null=True)

    class Meta:
        model = Backup
        fields = (*WORDS, "tracking_state")


class PageSerializer(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = BackupSerializer(many=True)


class NewBackupsSerializer(serializers.Serializer[Any]):
    cloud = serializers.CharField()
    ids = serializers.ListField(child=serializers.CharField(max_length=4096), allow_empty=False)


class InvalidSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    reason = serializers.CharField()


class AddedSerializer(serializers.Serializer[Any]):
    added = serializers.ListField(child=serializers.CharField())
    already_tracked = serializers.ListField(child=serializers.CharField())
    invalid = InvalidSerializer(many=True)


class QueuedSerializer(serializers.Serializer[Any]):
    queued = serializers.IntegerField()


class RawSerializer(serializers.Serializer[Any]):
    received_at = serializers.DateTimeField()
    http_status = serializers.IntegerField()
    body = serializers.DictField()


class CloudSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    region = serializers.CharField(allow_null=True)
    configured = serializers.BooleanField()
    api = serializers.ChoiceField(["vbs", "cinder"])
    reachable = serializers.BooleanField(allow_null=True)
    last_good_at = serializers.DateTimeField(allow_null=True)
    error = ErrorSerializer(allow_null=True)
    paused_until = serializers.DateTimeField(allow_null=True)
    requests_per_second = serializers.FloatField(allow_null=True)
    used_percent = serializers.IntegerField(allow_null=True)
    lag_seconds = serializers.IntegerField()
    tracked = serializers.IntegerField()
    type_full = serializers.IntegerField(allow_null=True)
    type_full_source = serializers.ChoiceField(["setting", "evidence", "default"])
    type_votes = serializers.DictField(child=serializers.IntegerField())


class SummarySerializer(serializers.Serializer[Any]):
    as_of = serializers.DateTimeField()
    backups = serializers.DictField()
    in_flight = serializers.ListField(child=serializers.UUIDField())


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A `.values()` row as JSON has it: IDs as text, times with Z."""
    return {key: _plain(value) if key != "id" else str(value) for key, value in row.items()}


def _plain(value: Any) -> Any:
    return z(value) if isinstance(value, datetime) else value


def z(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
