"""Fields of bodies that take a value of their own JSON type and no other: `5` is no text,
`"5"` is no number.
"""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backups.vbs.id_spellings import read_uuid
from backups.vbs.id_text import NO_ID, why_no_backup_id


class StrictTextField(serializers.CharField):
    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This is no text.")
        return super().to_internal_value(data)


@extend_schema_field(str)
class VerbatimTextField(serializers.Field[str, object, str, object]):
    """Any text as it came: blank, long, with characters that cannot be stored."""

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This is no text.")
        return data


class VerbatimTextsField(serializers.ListField):
    """Any texts as they came. Another type among them is named with its place."""

    child = VerbatimTextField()

    def to_internal_value(self, data: Any) -> list[object]:
        errors: dict[str, list[str]] = {}
        for place, value in enumerate(data if isinstance(data, list) else ()):
            if not isinstance(value, str):
                called = f"{self.field_name}[{place}]"
                errors[str(place)] = [f"{called} is {_json_type(value)}: write each one as a text."]
        if errors:
            raise serializers.ValidationError(errors)
        return super().to_internal_value(data)


def _json_type(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"


class BoundedListField(serializers.ListField):
    """A list that is counted before any of it is looked at."""

    def to_internal_value(self, data: Any) -> list[object]:
        if isinstance(data, list) and self.max_length is not None and len(data) > self.max_length:
            raise serializers.ValidationError(
                f"{len(data):,} values; at most {self.max_length:,} are taken."
            )
        return super().to_internal_value(data)


class StrictIntegerField(serializers.IntegerField):
    def to_internal_value(self, data: object) -> int:
        if isinstance(data, bool) or not isinstance(data, int | float):
            raise serializers.ValidationError("This is no whole number.")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Write true or false.")
        return data


class StrictUUIDField(serializers.UUIDField):
    """A UUID in any spelling."""

    def to_internal_value(self, data: object) -> UUID:
        value = read_uuid(data) if isinstance(data, str) else None
        if value is None:
            reason = why_no_backup_id(data) if isinstance(data, str) else NO_ID
            raise serializers.ValidationError(reason)
        return value
