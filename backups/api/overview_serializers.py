"""The serializers of clouds, causes and the numbers of the home page in the JSON API."""

from rest_framework import serializers

from backups.analysis.incidents import KINDS
from backups.api.serializers import ErrorSerializer, Serializer


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


class SummarySerializer(Serializer):
    as_of = serializers.DateTimeField()
    backups = CountedBackupsSerializer()
    volumes = CountedVolumesSerializer()
    attention = AttentionSerializer(many=True)
    incidents = IncidentSerializer(many=True)
    in_flight = serializers.ListField(child=serializers.UUIDField())
    chain_size_mb = serializers.IntegerField()
    outcomes_by_day = DaySerializer(many=True)
    growth = GrowthSerializer()
