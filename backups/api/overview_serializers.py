"""The serializers of clouds, causes and the numbers of the home page in the JSON API."""

from rest_framework import serializers

from backups.analysis.forecast import ComingKind
from backups.analysis.incidents import KINDS
from backups.api.serializers import ErrorSerializer, Serializer
from backups.reports.migration import GROUPS
from backups.vbs.dialects import DIALECTS


class PointSerializer(Serializer):
    day = serializers.DateField()
    mb = serializers.IntegerField(help_text="Stored at the end of the day, of UTC.")
    backups = serializers.IntegerField()
    gb = serializers.IntegerField(
        help_text="Of the disks that the backups are of, as a quota counts them."
    )


class LimitSerializer(Serializer):
    cloud = serializers.CharField()
    what = serializers.ChoiceField(["backups", "gigabytes"])
    used = serializers.IntegerField(help_text="Of what is tracked here.")
    told = serializers.IntegerField(
        allow_null=True, help_text="What the cloud counts, read daily; null: it does not tell."
    )
    quota = serializers.IntegerField()
    days = serializers.FloatField(
        allow_null=True, help_text="Until it is used up; null: nobody can say."
    )
    ends_on = serializers.DateField(
        allow_null=True, help_text="The day on which it is used up at this pace."
    )
    sentence = serializers.CharField()


class GrowthSerializer(Serializer):
    """Of the last 30 days."""

    points = PointSerializer(many=True)
    sentence = serializers.CharField()
    limits = LimitSerializer(many=True)


class CloudSerializer(Serializer):
    name = serializers.CharField()
    region = serializers.CharField(allow_null=True)
    configured = serializers.BooleanField()
    api = serializers.ChoiceField(list(DIALECTS))
    service_ended_at = serializers.DateTimeField(
        allow_null=True, help_text="Since then its backup service counts as ended."
    )
    policies_read_at = serializers.DateTimeField(
        allow_null=True, help_text="The last whole reading of its policies; null: none yet."
    )
    policies_error = serializers.CharField(
        allow_null=True, help_text="Why they were not read, which is no proof that it has none."
    )
    tasks_error = serializers.CharField(
        allow_null=True,
        help_text="Why the tasks of its policies were not read: runs are judged by backups alone.",
    )
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
    quota_error = serializers.CharField(allow_null=True, help_text="Why no quota is known.")
    way = serializers.CharField(
        allow_null=True,
        help_text="Which way calls take, where HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY "
        "concern it.",
    )
    warnings = serializers.ListField(
        child=serializers.CharField(),
        help_text="What its entry in clouds.yaml says that has no effect.",
    )
    growth = GrowthSerializer()


class CauseSerializer(Serializer):
    key = serializers.CharField(help_text="The value of the list's filter `cause`.")
    code = serializers.CharField(allow_null=True)
    text = serializers.CharField()
    meaning = serializers.CharField(allow_null=True)
    advice = serializers.CharField(allow_null=True)
    count = serializers.IntegerField()
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    ids = serializers.ListField(child=serializers.UUIDField(), help_text="The newest hundred.")


class CountedBackupsSerializer(Serializer):
    by_status = serializers.DictField(child=serializers.IntegerField())
    by_tracking_state = serializers.DictField(child=serializers.IntegerField())
    total = serializers.IntegerField()


class CountedVolumesSerializer(Serializer):
    by_protection = serializers.DictField(child=serializers.IntegerField())
    total = serializers.IntegerField(help_text="Without exempt and deleted ones.")


class AttentionSerializer(Serializer):
    what = serializers.ChoiceField(["backup", "volume", "cloud"])
    id = serializers.CharField()
    state = serializers.CharField()
    why = serializers.CharField()
    next = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)


class IncidentSerializer(Serializer):
    """Disks, failed backups and their cause in one. Its ID stays as long as the same is wrong in
    the same cloud by the same cause.
    """

    id = serializers.CharField()
    kind = serializers.ChoiceField(KINDS)
    state = serializers.CharField(help_text="Of its worst part, a word of `attention`.")
    cloud = serializers.CharField()
    title = serializers.CharField(help_text="`subject`, `says` and `cause` as a sentence.")
    subject = serializers.CharField()
    says = serializers.CharField()
    cause = serializers.CharField()
    next = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    new = serializers.BooleanField(help_text="It began less than a day ago.")
    volumes = serializers.IntegerField()
    volumes_query = serializers.CharField(help_text="Of `/api/volumes/`: finds exactly those.")
    backups = serializers.IntegerField()
    backups_query = serializers.CharField(help_text="Of `/api/backups/`: finds exactly those.")
    evidence = serializers.CharField()
    evidence_backup_id = serializers.UUIDField(allow_null=True)
    evidence_at = serializers.DateTimeField(allow_null=True)
    names = serializers.ListField(child=serializers.CharField(), help_text="At most ten.")
    volume_ids = serializers.ListField(child=serializers.CharField(), help_text="At most ten.")
    backup_ids = serializers.ListField(child=serializers.UUIDField(), help_text="The newest ten.")
    ticket = serializers.CharField(help_text="All of it as plain text.")


class DaySerializer(Serializer):
    day = serializers.DateField()
    good = serializers.IntegerField()
    failed = serializers.IntegerField()
    missed = serializers.IntegerField()


class LastRunsSerializer(Serializer):
    since = serializers.DateTimeField(help_text="A day ago.")
    by_outcome = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Disks by what came of their newest promised run, if that is not older.",
    )


class ComingSerializer(Serializer):
    """What follows of plan, growth and limits."""

    kind = serializers.ChoiceField([kind.value for kind in ComingKind])
    at = serializers.DateTimeField(
        allow_null=True, help_text="When it bites; null: it is so now, or nobody can say."
    )
    cloud = serializers.CharField()
    policy_id = serializers.CharField(allow_null=True)
    vault_id = serializers.CharField(allow_null=True)
    volume_id = serializers.CharField(allow_null=True)
    subject = serializers.CharField()
    sum = serializers.CharField(help_text="The arithmetic in words.")
    advice = serializers.CharField()


class MovedDiskSerializer(Serializer):
    cloud = serializers.CharField()
    volume_id = serializers.CharField()
    title = serializers.CharField()
    last_good_at = serializers.DateTimeField(allow_null=True)
    old_policy = serializers.CharField(allow_null=True)
    new_policy = serializers.CharField(allow_null=True)
    backups_in_new = serializers.BooleanField()


class DiskGroupSerializer(Serializer):
    name = serializers.ChoiceField(
        GROUPS, help_text="Which of the services have the disks: the old one, CBR, both, neither."
    )
    count = serializers.IntegerField()
    disks = MovedDiskSerializer(many=True, help_text="The first hundred.")


class PolicyLeftSerializer(Serializer):
    """A policy of the old service that is still on."""

    cloud = serializers.CharField()
    policy_id = serializers.CharField()
    title = serializers.CharField()
    members = serializers.IntegerField()
    in_vaults = serializers.IntegerField(help_text="Of its disks: those in a vault of CBR as well.")
    without_policy = serializers.IntegerField(help_text="Those in no policy of CBR.")


class MoveSerializer(Serializer):
    old = serializers.CharField(help_text="The cloud with the old service.")
    old_api = serializers.CharField()
    new = serializers.CharField(help_text="The cloud that is CBR of the same project.")
    old_ended_at = serializers.DateTimeField(allow_null=True)
    doubts = serializers.ListField(
        child=serializers.CharField(), help_text="What is not known, without which nothing is sure."
    )
    groups = DiskGroupSerializer(many=True)
    left = PolicyLeftSerializer(many=True, help_text="The first hundred.")
    left_count = serializers.IntegerField()
    total = serializers.IntegerField()
    moved = serializers.IntegerField(help_text="Disks that CBR has.")


class SummarySerializer(Serializer):
    as_of = serializers.DateTimeField()
    backups = CountedBackupsSerializer()
    volumes = CountedVolumesSerializer()
    attention = AttentionSerializer(many=True)
    incidents = IncidentSerializer(many=True)
    in_flight = serializers.ListField(child=serializers.UUIDField())
    chain_size_mb = serializers.IntegerField()
    outcomes_by_day = DaySerializer(many=True)
    runs = LastRunsSerializer()
    schedules = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Disks by `schedule`, without exempt and deleted ones.",
    )
    coming = ComingSerializer(many=True)
    growth = GrowthSerializer()
