"""The shapes of disks and rules in the JSON API."""

from typing import Any

from rest_framework import serializers

from backups.analysis.protection import PROTECTIONS
from backups.api.given import Flag, Many, Text, Whole
from backups.api.overview_shapes import GrowthSerializer
from backups.api.serializers import Page, Strict


class RuleInForceSerializer(serializers.Serializer[Any]):
    period_seconds = serializers.IntegerField()
    grace_seconds = serializers.IntegerField()
    cron = serializers.CharField(allow_null=True)
    zone = serializers.CharField(allow_null=True)
    tag = serializers.CharField(allow_null=True)
    sentence = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            **super().get_fields(),
            "from": serializers.ChoiceField(["disk", "tag", "cloud", "default"]),
        }


class ExemptSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)


class MemberSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    increment_mb = serializers.IntegerField(allow_null=True)


class ChainSerializer(serializers.Serializer[Any]):
    started_at = serializers.DateTimeField(allow_null=True)
    start_tracked = serializers.BooleanField()
    chain_size_mb = serializers.IntegerField(allow_null=True)
    members = MemberSerializer(many=True)


class VolumeSerializer(serializers.Serializer[Any]):
    cloud = serializers.CharField()
    volume_id = serializers.CharField()
    name = serializers.CharField(allow_null=True)
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    size = serializers.IntegerField(allow_null=True, help_text="GB")
    follow = serializers.BooleanField(help_text="Are new backups of it found by themselves?")
    protection = serializers.ChoiceField(PROTECTIONS)
    why = serializers.CharField()
    last_good_id = serializers.UUIDField(allow_null=True)
    last_good_at = serializers.DateTimeField(allow_null=True)
    late_at = serializers.DateTimeField(allow_null=True)
    overdue_at = serializers.DateTimeField(allow_null=True)
    rule = RuleInForceSerializer()
    exempt = ExemptSerializer(allow_null=True)
    note = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    version = serializers.IntegerField()
    chain_size_mb = serializers.IntegerField(allow_null=True)
    chains = ChainSerializer(many=True)


class VolumeDetailSerializer(VolumeSerializer):
    growth = GrowthSerializer()


class VolumePage(Page):
    results = VolumeSerializer(many=True)


class NewVolumeSerializer(Strict):
    cloud = Text()
    volume_id = Text(max_length=255)
    label = Text(required=False, allow_null=True, max_length=255)  # type: ignore[assignment]


class RuleSerializer(Strict):
    """A period, or a cron expression in a zone; two hours of grace without `grace_seconds`."""

    period_seconds = Whole(required=False, min_value=60, max_value=316_224_000)
    cron = Text(required=False, max_length=100)
    zone = Text(required=False, max_length=64)
    grace_seconds = Whole(required=False, min_value=0, max_value=316_224_000)


class ExemptionSerializer(Strict):
    reason = Text(max_length=10_000)
    until = serializers.DateTimeField(required=False, allow_null=True)


class VolumeEditSerializer(Strict):
    label = Text(required=False, allow_null=True, allow_blank=True, max_length=255)  # type: ignore[assignment]
    note = Text(required=False, allow_blank=True, max_length=10_000)
    tags = Many(required=False, child=Text(max_length=64), max_length=50)
    follow = Flag(required=False, allow_null=True)
    rule = RuleSerializer(required=False, allow_null=True)
    exempt = ExemptionSerializer(required=False, allow_null=True)


class StoredRuleSerializer(serializers.Serializer[Any]):
    period_seconds = serializers.IntegerField()
    grace_seconds = serializers.IntegerField()
    cron = serializers.CharField(allow_null=True)
    zone = serializers.CharField(allow_null=True)
    version = serializers.IntegerField()
    set_at = serializers.DateTimeField()
    set_by = serializers.CharField()


class RulesSerializer(serializers.Serializer[Any]):
    tags = serializers.DictField(child=StoredRuleSerializer())
    clouds = serializers.DictField(child=StoredRuleSerializer())
