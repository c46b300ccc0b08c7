"""The shapes of the JSON API. Lists are served from `.values()`; these describe them, and a test
proves both equal.
"""

from collections.abc import Mapping
from typing import Any, TypedDict
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from backups.api.strict_fields import (
    BoundedListField,
    StrictTextField,
    StrictUUIDField,
    VerbatimTextsField,
)
from backups.models import Backup
from backups.models.backup import KINDS, TRACKING_STATES
from backups.query.first_few import MOST_NAMED, REST, count_of_rest
from backups.query.public_fields import BACKUP_FIELDS

# DRF makes all its fields of any type out of any type.
AnyField = serializers.Field[Any, Any, Any, Any]


# Docstrings of serializers go into the description of the API.
class Serializer(serializers.Serializer[object]):
    pass


class StrictSerializer(Serializer):
    """A key that is not named here is refused."""

    def to_internal_value(self, data: object) -> object:
        if isinstance(data, Mapping):
            unknown = [key for key in data if key not in self.fields]
            if unknown:
                raise serializers.ValidationError(self._errors_of_unknown(unknown))
        return super().to_internal_value(data)

    def _errors_of_unknown(self, keys: list[str]) -> dict[str, list[str]]:
        sentence = f"There is no such key. There are: {', '.join(self.fields)}."
        errors = {key[:80]: [sentence] for key in keys[:MOST_NAMED]}
        others = count_of_rest(len(keys) - MOST_NAMED)
        if others:
            errors[REST] = [others]
        return errors


class PageSerializer(Serializer):
    next = serializers.CharField(allow_null=True, help_text="Address of the next page.")
    previous = serializers.CharField(allow_null=True)


def validated(serializer_class: type[StrictSerializer], request: Request) -> Any:
    """Returns the body of a request, of the type that stands beside the serializer. Raises
    ValidationError.
    """
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


class ErrorSerializer(Serializer):
    http_status = serializers.IntegerField(allow_null=True)
    code = serializers.CharField(allow_null=True)
    message = serializers.CharField()
    request_id = serializers.CharField(
        allow_null=True,
        required=False,
        help_text="The cloud's ID of the failed call, for its support.",
    )
    since = serializers.DateTimeField()

    def get_fields(self) -> dict[str, AnyField]:
        return {"class": serializers.CharField(), **super().get_fields()}


class LinkSerializer(Serializer):
    rel = serializers.CharField()
    href = serializers.CharField()


class BackupSerializer(serializers.ModelSerializer[Backup]):
    tracking_state = serializers.ChoiceField(TRACKING_STATES)
    kind = serializers.ChoiceField(KINDS)
    links = LinkSerializer(many=True)
    error = ErrorSerializer(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    decode_problems = serializers.ListField(child=serializers.CharField())
    unmapped = serializers.DictField(allow_null=True)

    class Meta:
        model = Backup
        fields = BACKUP_FIELDS


class BackupPageSerializer(PageSerializer):
    results = BackupSerializer(many=True)


class NewBackupsSerializer(StrictSerializer):
    cloud = StrictTextField(help_text="A configured one, as `/api/clouds/` names it.")
    ids = VerbatimTextsField(
        allow_empty=False,
        help_text="IDs or self-links, at most 10,000. Each text gets a verdict.",
    )


class NewBackups(TypedDict):
    cloud: str
    ids: list[str]


class BackupEditSerializer(StrictSerializer):
    # Its validated data are `edits.backup_edits.BackupFields`.
    note = StrictTextField(required=False, allow_blank=True, max_length=10_000)
    tags = BoundedListField(required=False, child=StrictTextField(max_length=64), max_length=50)


class IdsSerializer(StrictSerializer):
    ids = serializers.ListField(required=False, child=StrictUUIDField(), allow_empty=False)


class Ids(TypedDict, total=False):
    ids: list[UUID]


class RetagSerializer(IdsSerializer):
    add = BoundedListField(required=False, child=StrictTextField(max_length=64), max_length=50)
    remove = BoundedListField(required=False, child=StrictTextField(max_length=64), max_length=50)


class Retag(Ids, total=False):
    add: list[str]
    remove: list[str]


class ChangedSerializer(Serializer):
    changed = serializers.IntegerField()


class UntrackedSerializer(Serializer):
    untracked = serializers.IntegerField()


@extend_schema_field({})
class AnyValueField(serializers.JSONField):
    """Whatever the field holds: text, number, list, null."""


class ChangeSerializer(Serializer):
    word = serializers.CharField()
    before = AnyValueField()
    after = AnyValueField()


class RevisionSerializer(Serializer):
    at = serializers.DateTimeField()
    changes = ChangeSerializer(many=True)


class RevisionPageSerializer(PageSerializer):
    results = RevisionSerializer(many=True)


class ListedSerializer(Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField(allow_null=True)
    status = serializers.CharField(allow_null=True)
    volume_id = serializers.CharField(allow_null=True)
    size = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)
    tracked = serializers.BooleanField()


class ListedPageSerializer(PageSerializer):
    results = ListedSerializer(many=True)


class StepSerializer(Serializer):
    step = serializers.CharField()
    outcome = serializers.ChoiceField(["ok", "failed", "not_tried"])
    detail = serializers.CharField()
    next = serializers.CharField(help_text="What to do; empty unless the step failed.")
    milliseconds = serializers.IntegerField(allow_null=True)


class ConnectionTestSerializer(Serializer):
    cloud = serializers.CharField()
    at = serializers.DateTimeField()
    ok = serializers.BooleanField()
    fails = serializers.CharField(allow_null=True)
    steps = StepSerializer(many=True)


class InvalidSerializer(Serializer):
    value = serializers.CharField()
    reason = serializers.CharField()


class AddedSerializer(Serializer):
    added = serializers.ListField(child=serializers.CharField())
    already_tracked = serializers.ListField(child=serializers.CharField())
    invalid = InvalidSerializer(many=True)


class QueuedSerializer(Serializer):
    queued = serializers.IntegerField()


class RawSerializer(Serializer):
    received_at = serializers.DateTimeField()
    http_status = serializers.IntegerField()
    body = serializers.DictField()
