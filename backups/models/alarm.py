"""What is wrong, from when it was found until it is over; who took it, and what was sent of it.

There is one open alarm for each kind, cloud and subject. Whether one is muted is never stored: it
follows of the silences (`backups/query/silences.py`).
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

from django.db import models
from django.db.models import F, Q

from backups.models.access import OfClouds
from backups.models.cloud import Cloud
from backups.models.columns import CodePointText

Severity = Literal["critical", "warning"]


class AlarmKind(models.TextChoices):
    """The kinds of `analysis.incidents`. The subject of those in OF_CLOUDS is the cloud, of
    BACKUPS_FAIL and NO_BACKUPS the disk, else the backup; a backup that failed and tells no disk is
    its own subject.
    """

    CLOUD_SILENT = "cloud_silent"
    BACKUPS_FAIL = "backups_fail"
    NO_BACKUPS = "no_backups"
    RESTORES_FAIL = "restores_fail"
    DELETIONS_FAIL = "deletions_fail"
    STUCK = "stuck"
    STALE = "stale"
    UNKNOWN = "unknown"


# Their subject is the cloud.
OF_CLOUDS: Final = frozenset({AlarmKind.CLOUD_SILENT, AlarmKind.STALE, AlarmKind.UNKNOWN})
CRITICAL: Final = frozenset({AlarmKind.CLOUD_SILENT, AlarmKind.NO_BACKUPS})
# So long an alarm is pending: what is over by then was never told. Of the kinds that are left out
# nothing ends by itself within minutes.
HOLDS: Final[Mapping[str, timedelta]] = {
    AlarmKind.CLOUD_SILENT: timedelta(minutes=5),
    AlarmKind.STALE: timedelta(minutes=15),
    AlarmKind.UNKNOWN: timedelta(minutes=30),
}


def severity_of(kind: str) -> Severity:
    return "critical" if kind in CRITICAL else "warning"


class Ended(models.TextChoices):
    """How an alarm ended: it is well again, or there is nothing to judge any more, as its disk or
    backup is deleted, exempt or not tracked, or its cloud not configured.
    """

    RECOVERED = "recovered"
    DROPPED = "dropped"


class AlarmQuerySet(OfClouds["Alarm"]):
    def open(self) -> "AlarmQuerySet":
        """Returns what is not over, pending and muted ones among it."""
        return self.filter(closed_at__isnull=True)


class Alarm(models.Model):
    """`since`: when the trouble began, as far as it is known; `opened_at`: when it was found.
    `held_until`: it is pending before. `sentence` and `next` are whole sentences.
    """

    kind = models.CharField(max_length=16, choices=AlarmKind.choices)
    severity = models.CharField(max_length=8)
    cloud = models.ForeignKey(
        Cloud, models.PROTECT, db_column="cloud", db_index=False, related_name="alarms"
    )
    subject = CodePointText()  # a cloud's name, a volume's or a backup's ID
    state = models.CharField(max_length=16)  # a word of `attention`: overdue, error, stuck, …
    title = CodePointText()  # what a person calls the subject
    sentence = models.TextField()
    next = models.TextField()
    volume_id = CodePointText(null=True)
    backup_id = models.UUIDField(null=True)  # the backup that shows it, or is its subject
    evidence = models.TextField()  # what it is read off, in words
    # When the cloud said so, as it was known at the last change of this row.
    evidence_at = models.DateTimeField(null=True)
    since = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()
    held_until = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    ended = models.CharField(max_length=16, choices=Ended.choices, blank=True)
    # How often it was opened and closed; one that comes back within minutes is the same alarm.
    changes = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField()
    # Those of the last burst, which ends when nothing changes for a while.
    burst = models.PositiveIntegerField(default=1)
    burst_began_at = models.DateTimeField()
    # Taken by somebody, until it is over.
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.TextField(blank=True)
    acknowledged_reason = models.TextField(blank=True)

    objects = AlarmQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                "kind",
                "cloud",
                "subject",
                condition=Q(closed_at__isnull=True),
                name="alarm_is_open_once",
            ),
        )
        indexes = (
            models.Index(
                fields=["cloud", "volume_id"],
                condition=Q(closed_at__isnull=True),
                name="alarm_open",
            ),
            models.Index(F("opened_at").desc(), "id", name="alarm_newest"),
            models.Index("closed_at", name="alarm_closed"),
            models.Index(fields=["cloud", "subject", "-closed_at"], name="alarm_subject"),
            models.Index("held_until", name="alarm_held"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Silence(models.Model):
    """Alarms that are muted for a time: a snooze of one, the maintenance of a tag or cloud, quiet
    hours. `query`: of the list of alarms, as in its address.

    With `cron` they are muted for `duration_seconds` from each of its times on, in `zone`, within
    `begins_at` and `ends_at`, which may then be open.
    """

    query = models.TextField()
    reason = models.TextField()
    by = CodePointText()
    made_at = models.DateTimeField()
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    cron = models.CharField(max_length=100, null=True)
    duration_seconds = models.PositiveIntegerField(null=True)
    zone = models.CharField(max_length=64, null=True)
    # By a person, before its time.
    ended_at = models.DateTimeField(null=True)
    ended_by = CodePointText(blank=True)

    class Meta:
        indexes = (models.Index("ends_at", name="silence_end"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(cron__isnull=True, ends_at__isnull=False)
                | Q(cron__isnull=False, duration_seconds__isnull=False, zone__isnull=False),
                name="silence_has_an_end",
            ),
        )

    def __str__(self) -> str:
        return self.query


class DeliveryKind(models.TextChoices):
    ALARMS = "alarms"
    TEST = "test"
    DIGEST = "digest"


class DeliveryState(models.TextChoices):
    """GIVEN_UP: no try succeeded within a day. DROPPED: its channel is not configured any more."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"
    DROPPED = "dropped"


class DeliveryQuerySet(OfClouds["Delivery"]):
    def unclaimed(self, now: datetime) -> "DeliveryQuerySet":
        """Returns what waits and is in nobody's hands."""
        free = Q(claimed_until__isnull=True) | Q(claimed_until__lte=now)
        return self.filter(free, state=DeliveryState.WAITING)

    def due(self, now: datetime) -> "DeliveryQuerySet":
        """Returns what may be sent and is in nobody's hands, the oldest first."""
        return self.unclaimed(now).filter(send_at__lte=now).order_by("id")


class Delivery(models.Model):
    """A message to one channel. `event_id` is the same over all tries.

    Until its first try it gathers what changes in one cloud; `message` is null as long.
    """

    event_id = models.UUIDField(unique=True, default=uuid.uuid4)
    channel = CodePointText()
    kind = models.CharField(max_length=8, choices=DeliveryKind.choices)
    cloud = models.ForeignKey(
        Cloud, models.PROTECT, db_column="cloud", db_index=False, null=True, related_name="+"
    )
    written_at = models.DateTimeField()
    send_at = models.DateTimeField()  # not before
    claimed_until = models.DateTimeField(null=True)
    state = models.CharField(
        max_length=8, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    attempts = models.PositiveIntegerField(default=0)
    # A person had it sent once more; a day of tries begins anew.
    asked_again_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    message = models.JSONField(null=True)  # as `alarms.message.Message.as_json` writes it

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = (
            models.Index(
                "channel", "send_at", condition=Q(state="waiting"), name="delivery_waiting"
            ),
            models.Index(F("written_at").desc(), "id", name="delivery_newest"),
        )

    def __str__(self) -> str:
        return f"{self.kind} to {self.channel}"


class DeliveryAttempt(models.Model):
    """One try. `sentence`: what came of it; `duration_ms`: how long it took."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    is_delivered = models.BooleanField()
    http_status = models.PositiveIntegerField(null=True)
    sentence = models.TextField()

    class Meta:
        indexes = (models.Index(fields=["delivery", "-id"], name="attempt_newest"),)

    def __str__(self) -> str:
        return self.sentence


class Told(models.TextChoices):
    OPENED = "opened"
    RECOVERED = "recovered"
    FLAPPING = "flapping"


class DeliveredAlarm(models.Model):
    """What a delivery tells of an alarm; `is_open` and `changes` are the alarm's at that time. The
    newest of an alarm and a channel says what the channel's readers know. It stays when its
    delivery is too old to be kept.
    """

    delivery = models.ForeignKey(Delivery, models.SET_NULL, null=True, related_name="alarms")
    alarm = models.ForeignKey(Alarm, models.CASCADE, related_name="deliveries")
    channel = CodePointText()
    what = models.CharField(max_length=16, choices=Told.choices)
    at = models.DateTimeField()
    is_open = models.BooleanField()
    changes = models.PositiveIntegerField()
    is_newest = models.BooleanField(default=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                "alarm", "channel", condition=Q(is_newest=True), name="alarm_is_known_once"
            ),
        )
        indexes = (
            models.Index(
                "channel", condition=Q(is_newest=True, is_open=True), name="alarm_known_open"
            ),
        )

    def __str__(self) -> str:
        return f"{self.what} {self.alarm_id} to {self.channel}"
