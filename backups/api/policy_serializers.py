"""The serializers of policies and of promised runs in the JSON API."""

from rest_framework import serializers

from backups.api.serializers import PageSerializer, Serializer
from backups.query.policies import POLICY_APIS
from backups.query.volumes import RUN_OUTCOMES

OUTCOMES_HELP = "How many disks, by outcome."


class PolicyScheduleSerializer(Serializer):
    text = serializers.CharField(
        allow_null=True, help_text="“daily at 22:00 UTC”; null where it cannot be read."
    )
    next_run_at = serializers.DateTimeField(
        allow_null=True, help_text="Null: none comes, for which `why_no_run` is the reason."
    )
    why_no_run = serializers.CharField(allow_null=True)
    is_reckoned = serializers.BooleanField(
        help_text="The days follow of a beginning that the cloud does not tell."
    )
    readable = serializers.BooleanField()
    problem = serializers.CharField(allow_null=True, help_text="Why it cannot be read.")


class RetentionSerializer(Serializer):
    count = serializers.IntegerField(allow_null=True, help_text="Backups of a disk; null: any.")
    days = serializers.IntegerField(allow_null=True)
    forever = serializers.BooleanField()
    per_day = serializers.IntegerField(help_text="So many days of which one is kept.")
    per_week = serializers.IntegerField()
    per_month = serializers.IntegerField()
    per_year = serializers.IntegerField()
    keep_first_of_month = serializers.BooleanField()
    text = serializers.CharField()


class PolicyMembersSerializer(Serializer):
    known_from = serializers.ChoiceField(
        ["exact", "observed"],
        help_text="exact: its vaults name its disks; observed: they were seen in its runs, and "
        "others may be in it.",
    )
    count = serializers.IntegerField()
    claimed = serializers.IntegerField(
        allow_null=True, help_text="How many it has, as the cloud says; null: it does not."
    )
    volume_ids = serializers.ListField(
        child=serializers.CharField(), help_text="The first hundred."
    )


class VaultNameSerializer(Serializer):
    vault_id = serializers.CharField()
    name = serializers.CharField(allow_null=True)


class NewestRunSerializer(Serializer):
    slot_at = serializers.DateTimeField()
    outcomes = serializers.DictField(child=serializers.IntegerField(), help_text=OUTCOMES_HELP)


class PolicySerializer(Serializer):
    cloud = serializers.CharField()
    policy_id = serializers.CharField(help_text="As the cloud calls it.")
    name = serializers.CharField(allow_null=True)
    api = serializers.ChoiceField(POLICY_APIS, help_text="The service that has it.")
    enabled = serializers.BooleanField(allow_null=True, help_text="Null: it cannot be read.")
    schedule = PolicyScheduleSerializer()
    retention = RetentionSerializer()
    members = PolicyMembersSerializer()
    vaults = VaultNameSerializer(many=True)
    newest_run = NewestRunSerializer(
        allow_null=True, help_text="The last one that it promised; null where none is known."
    )
    runs_30_days = serializers.DictField(
        child=serializers.IntegerField(), help_text="Promised runs by outcome, one a disk."
    )
    first_seen_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField(help_text="The last reading that named it.")
    deleted_at = serializers.DateTimeField(allow_null=True)
    problems = serializers.ListField(child=serializers.CharField())


class PolicyPageSerializer(PageSerializer):
    results = PolicySerializer(many=True)


class NotMadeSerializer(Serializer):
    volume_id = serializers.CharField()
    name = serializers.CharField(help_text="What a person calls the disk.")
    outcome = serializers.ChoiceField(RUN_OUTCOMES)
    late_seconds = serializers.IntegerField(allow_null=True)
    duration_seconds = serializers.IntegerField(allow_null=True)
    backup_id = serializers.UUIDField(allow_null=True)
    reason = serializers.CharField(allow_null=True)


class SlotSerializer(Serializer):
    slot_at = serializers.DateTimeField()
    outcomes = serializers.DictField(child=serializers.IntegerField(), help_text=OUTCOMES_HELP)
    not_made = NotMadeSerializer(many=True)
    not_named = serializers.IntegerField(help_text="So many more were not made.")


class PolicyRevisionSerializer(Serializer):
    since = serializers.DateTimeField()
    text = serializers.CharField()


class PolicyDetailSerializer(PolicySerializer):
    slots = SlotSerializer(many=True, help_text="Of the last 30 days, the newest first.")
    revisions = PolicyRevisionSerializer(many=True, help_text="How it was read, the newest first.")


class RunSerializer(Serializer):
    slot_at = serializers.DateTimeField(help_text="When it was promised.")
    outcome = serializers.ChoiceField(RUN_OUTCOMES)
    late_seconds = serializers.IntegerField(
        allow_null=True, help_text="From then to its start; null where it did not start."
    )
    duration_seconds = serializers.IntegerField(allow_null=True)
    backup_id = serializers.UUIDField(allow_null=True, help_text="It need not be tracked.")
    reason = serializers.CharField(allow_null=True, help_text="In the cloud's own words.")
    policy_id = serializers.CharField()
