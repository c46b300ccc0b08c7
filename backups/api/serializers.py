"""The shapes of the JSON API. Lists are served from `.values()`; these describe them, and a test
proves both equal.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from backups.api.given import Id, Many, Text, Verbatim
from backups.models import Backup
from backups.models.backup import KINDS, TRACKING_STATES
from backups.query.first_few import MOST_NAMED, REST, count_of_rest
from backups.query.public_fields import BACKUP_FIELDS

TIMES = frozenset(
    f.name for f in Backup._meta.concrete_fields if f.get_internal_type() == "DateTimeField"
)


class Strict(serializers.Serializer[Any]):
    """A key that is not named here is refused."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (
            unknown := [key for key in data if key not in self.fields]
        ):
            sentence = f"There is no such key. There are: {', '.join(self.fields)}."
            errors = {key[:80]: [sentence] for key in unknown[:MOST_NAMED]}
            if others := count_of_rest(len(unknown) - MOST_NAMED):
                errors[REST] = [others]
            raise serializers.ValidationError(errors)
        return super().to_internal_value(data)


class Page(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True, help_text="Address of the next page.")
    previous = serializers.CharField(allow_null=True)


def read(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The body of a request in this shape. Raises ValidationError."""
    data = shape(data=request.data)
    data.is_valid(raise_exception=True)
    found: dict[str, Any] = data.validated_data
    return found


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


class BackupPage(Page):
    results = BackupSerializer(many=True)


class NewBackupsSerializer(Strict):
    cloud = Text(help_text="A configured one, as `/api/clouds/` names it.")
    ids = serializers.ListField(
        child=Verbatim(),
        allow_empty=False,
        help_text="IDs or self-links, at most 10,000. Each text gets a verdict.",
    )


class BackupEditSerializer(Strict):
    note = Text(required=False, allow_blank=True, max_length=10_000)
    tags = Many(required=False, child=Text(max_length=64), max_length=50)


class IdsSerializer(Strict):
    ids = serializers.ListField(required=False, child=Id(), allow_empty=False)


class RetagSerializer(IdsSerializer):
    add = Many(required=False, child=Text(max_length=64), max_length=50)
    remove = Many(required=False, child=Text(max_length=64), max_length=50)


class ChangedSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField()


class UntrackedSerializer(serializers.Serializer[Any]):
    untracked = serializers.IntegerField()


@extend_schema_field({})
class AnyValue(serializers.JSONField):
    """Whatever the word holds: text, number, list, null."""


class ChangeSerializer(serializers.Serializer[Any]):
    word = serializers.CharField()
    before = AnyValue()
    after = AnyValue()


class RevisionSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    changes = ChangeSerializer(many=True)


class RevisionPage(Page):
    results = RevisionSerializer(many=True)


class ListedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(allow_null=True)
    status = serializers.CharField(allow_null=True)
    volume_id = serializers.CharField(allow_null=True)
    size = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)
    tracked = serializers.BooleanField()


class ListedPage(Page):
    results = ListedSerializer(many=True)


class StepSerializer(serializers.Serializer[Any]):
    step = serializers.CharField()
    outcome = serializers.ChoiceField(["ok", "failed", "not_tried"])
    detail = serializers.CharField()
    next = serializers.CharField(help_text="What to do; empty unless the step failed.")
    milliseconds = serializers.IntegerField(allow_null=True)


class ConnectionTestSerializer(serializers.Serializer[Any]):
    cloud = serializers.CharField()
    at = serializers.DateTimeField()
    ok = serializers.BooleanField()
    fails = serializers.CharField(allow_null=True)
    steps = StepSerializer(many=True)


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457: every 4xx and 5xx."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField())
    )


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


def plain_backups(rows: Sequence[Mapping[str, Any]], words: Sequence[str]) -> list[dict[str, Any]]:
    """`.values()` rows as JSON has them; a thousand of them at once, so only what needs it is
    touched.
    """
    times = [word for word in words if word in TIMES]
    found = []
    for given in rows:
        row = {word: given[word] for word in words}
        if "id" in row:
            row["id"] = str(row["id"])
        for word in times:
            value = row[word]
            if value is not None:
                row[word] = z(value)
        found.append(row)
    return found


def plain(value: Any) -> Any:
    """Dataclasses made to dicts, and rows, as JSON has them: IDs as text, times with Z."""
    if isinstance(value, datetime):
        return z(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def z(value: datetime) -> str:
    """UTC with Z; what the database gives is UTC already."""
    return (
        (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat().replace("+00:00", "Z")
    )
