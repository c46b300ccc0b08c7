"""The serializers of volumes and rules in the JSON API."""

from datetime import datetime
from typing import NotRequired, TypedDict

from rest_framework import serializers

from backups.analysis.protection import PROTECTIONS
from backups.api.overview_serializers import GrowthSerializer
from backups.api.policy_serializers import RunSerializer
from backups.api.serializers import AnyField, PageSerializer, Serializer, StrictSerializer
from backups.api.strict_fields import (
    BoundedListField,
    StrictBooleanField,
    StrictIntegerField,
    StrictTextField,
)
from backups.models.volume import SCHEDULES
from backups.query.volumes import RULES, RUN_OUTCOMES


class RuleInForceSerializer(Serializer):
    period_seconds = serializers.IntegerField()
    grace_seconds = serializers.IntegerField()
    cron = serializers.CharField(allow_null=True)
    zone = serializers.CharField(allow_null=True)
    tag = serializers.CharField(allow_null=True)
    sentence = serializers.CharField()

    def get_fields(self) -> dict[str, AnyField]:
        return {
            **super().get_fields(),
            "from": serializers.ChoiceField(RULES),
        }


class ExemptSerializer(Serializer):
    reason = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)


class MemberSerializer(Serializer):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    increment_mb = serializers.IntegerField(allow_null=True)


class ChainSerializer(Serializer):
    started_at = serializers.DateTimeField(allow_null=True)
    start_tracked = serializers.BooleanField()
    chain_size_mb = serializers.IntegerField(allow_null=True)
    members = MemberSerializer(many=True)


class LossSerializer(Serializer):
    as_of = serializers.DateTimeField(help_text="A volume that is deleted: when that was seen.")
    seconds = serializers.IntegerField(
        allow_null=True, help_text="Data of so many seconds would be lost; null: all there is."
    )
    allowed_seconds = serializers.IntegerField(
        allow_null=True, help_text="By its rule; null where nothing is expected of it."
    )
    restore_point_id = serializers.UUIDField(allow_null=True)
    restore_point_at = serializers.DateTimeField(allow_null=True)
    sure = serializers.BooleanField(
        help_text="False: a newer one may be there, or this one may be gone."
    )


class WorstGapSerializer(Serializer):
    seconds = serializers.IntegerField()
    to = serializers.DateTimeField(allow_null=True, help_text="Null: it goes on.")
    from_id = serializers.UUIDField(allow_null=True, help_text="Null: there was none before.")
    to_id = serializers.UUIDField(allow_null=True)
    known_seconds = serializers.IntegerField(help_text="So much of the last 90 days is known.")
    sure = serializers.BooleanField(
        help_text="False: new backups are not followed, so others may lie in it."
    )

    def get_fields(self) -> dict[str, AnyField]:
        return {**super().get_fields(), "from": serializers.DateTimeField()}


class VolumeSerializer(Serializer):
    cloud = serializers.CharField()
    volume_id = serializers.CharField()
    name = serializers.CharField(allow_null=True)
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    size = serializers.IntegerField(allow_null=True, help_text="GB")
    follow = serializers.BooleanField(help_text="Are new backups of it found by themselves?")
    protection = serializers.ChoiceField(PROTECTIONS)
    why = serializers.CharField()
    next = serializers.CharField(help_text="The next step; empty when there is none.")
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
    failing_id = serializers.UUIDField(
        allow_null=True, help_text="The newest try to back it up, when that failed."
    )
    failing_since = serializers.DateTimeField(
        allow_null=True, help_text="When the first of the tries was made that failed since."
    )
    failing_cause = serializers.CharField(
        allow_null=True, help_text="A `key` of the causes of failures."
    )
    chains = ChainSerializer(many=True)
    loss = LossSerializer()
    worst_gap = WorstGapSerializer(
        allow_null=True,
        help_text="The longest time between two restore points, of those that ended in the last "
        "90 days or go on; null where nothing is known.",
    )
    schedule = serializers.ChoiceField(
        SCHEDULES,
        help_text="Does a policy of its cloud promise backups? off: its policies are switched off; "
        "none: it is in none; unknown: nobody can say.",
    )
    policy_id = serializers.CharField(
        allow_null=True, help_text="Of the policy that has it, as the cloud calls it."
    )
    policy_name = serializers.CharField(allow_null=True)
    next_run_at = serializers.DateTimeField(
        allow_null=True, help_text="Of that policy; null where none is promised or known."
    )
    last_run_at = serializers.DateTimeField(
        allow_null=True, help_text="When the newest run was promised that is judged."
    )
    last_run_outcome = serializers.ChoiceField(RUN_OUTCOMES, allow_null=True)
    vault_id = serializers.CharField(allow_null=True, help_text="Of CBR: holds its backups.")
    vault_mb = serializers.IntegerField(
        allow_null=True, help_text="Stored of it in the vault, in MB, as the cloud says."
    )


class VolumeDetailSerializer(VolumeSerializer):
    growth = GrowthSerializer()
    runs = RunSerializer(
        many=True,
        help_text="The promised ones of the last 30 days, the newest first; only here, and not in "
        "the list of disks.",
    )


class VolumePageSerializer(PageSerializer):
    results = VolumeSerializer(many=True)


class NewVolumeSerializer(StrictSerializer):
    cloud = StrictTextField()
    volume_id = StrictTextField(max_length=255)
    label = StrictTextField(required=False, allow_null=True, max_length=255)  # type: ignore[assignment]


class NewVolume(TypedDict):
    cloud: str
    volume_id: str
    label: NotRequired[str | None]


class RuleSerializer(StrictSerializer):
    """A period, or a cron expression in a zone; two hours of grace without `grace_seconds`."""

    period_seconds = StrictIntegerField(required=False, min_value=60, max_value=316_224_000)
    cron = StrictTextField(required=False, max_length=100)
    zone = StrictTextField(required=False, max_length=64)
    grace_seconds = StrictIntegerField(required=False, min_value=0, max_value=316_224_000)


class RuleBody(TypedDict, total=False):
    period_seconds: int
    cron: str
    zone: str
    grace_seconds: int


class ExemptionSerializer(StrictSerializer):
    reason = StrictTextField(max_length=10_000)
    until = serializers.DateTimeField(required=False, allow_null=True)


class Exemption(TypedDict):
    reason: str
    until: NotRequired[datetime | None]


class VolumeEditSerializer(StrictSerializer):
    label = StrictTextField(required=False, allow_null=True, allow_blank=True, max_length=255)  # type: ignore[assignment]
    note = StrictTextField(required=False, allow_blank=True, max_length=10_000)
    tags = BoundedListField(required=False, child=StrictTextField(max_length=64), max_length=50)
    follow = StrictBooleanField(required=False, allow_null=True)
    rule = RuleSerializer(required=False, allow_null=True)
    exempt = ExemptionSerializer(required=False, allow_null=True)


class VolumeEdit(TypedDict, total=False):
    label: str | None
    note: str
    tags: list[str]
    follow: bool | None
    rule: RuleBody | None
    exempt: Exemption | None


class StoredRuleSerializer(Serializer):
    period_seconds = serializers.IntegerField()
    grace_seconds = serializers.IntegerField()
    cron = serializers.CharField(allow_null=True)
    zone = serializers.CharField(allow_null=True)
    version = serializers.IntegerField()
    set_at = serializers.DateTimeField()
    set_by = serializers.CharField()


class RulesSerializer(Serializer):
    tags = serializers.DictField(child=StoredRuleSerializer())
    clouds = serializers.DictField(child=StoredRuleSerializer())
