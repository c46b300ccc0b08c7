"""A tracked backup. What time alone changes is never stored. Which columns the JSON API shows
stands in `query/public_fields.py`.
"""

from datetime import datetime

from django.db import models
from django.db.models import Case, CharField, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce

from backups.analysis.facts import SKEW
from backups.models.access import Access, OfClouds
from backups.models.cause import Cause
from backups.models.cloud import SILENT_AFTER, Cloud
from backups.models.columns import CodePointText, OtherRow

TRACKING_STATES = ("pending", "fresh", "stale", "gone")
KINDS = ("full", "incremental", "unknown")
SERVICE_TYPES = ("disk", "vm", "disk_copy", "vm_copy")
ORDERED = (
    "created_at",
    "name",
    "status",
    "cloud",
    "volume_id",
    "size",
    "chain_size_mb",
    "refreshed_at",
)
# Columns of few values, which no order has an index for: they are counted by one index that is a
# twentieth of the table.
COUNTED = (
    "cloud",
    "status",
    "kind",
    "service_type",
    "is_incremental",
    "has_dependent_backups",
    "bootable",
    "encrypted",
    "deduplicated",
    "compressed",
)


# The longest interval, in seconds, at which a backup in flight is polled. It is in the condition of
# an index, so another value needs a migration.
IN_FLIGHT_LONGEST_INTERVAL_S = 120
POLLED_AS_IN_FLIGHT = Q(refresh_interval__lte=IN_FLIGHT_LONGEST_INTERVAL_S)


def unclaimed(now: datetime) -> Q:
    """Returns the condition of rows that nobody has claimed, or whose claim has expired."""
    return Q(claimed_until=None) | Q(claimed_until__lt=now)


class BackupQuerySet(OfClouds["Backup"]):
    def with_tracking_state(self, now: datetime) -> "BackupQuerySet":
        """Annotates `tracking_state` as it is at `now`; a silent cloud makes its backups stale."""
        return self.annotate(
            tracking_state=Case(
                When(gone_at__isnull=False, then=Value("gone")),
                When(refreshed_at__isnull=True, then=Value("pending")),
                When(is_answered_for(now), then=Value("fresh")),
                default=Value("stale"),
                output_field=CharField(),
            )
        )

    def due(self, cloud: str, now: datetime) -> "BackupQuerySet":
        """Returns what may be claimed, the longest due first."""
        due = self.filter(unclaimed(now), cloud=cloud, next_refresh_at__lte=now)
        return due.order_by("next_refresh_at", "id")

    def of_unknown_origin(self) -> "BackupQuerySet":
        """Returns those that are answered for and still there, while the cloud names neither a
        volume nor a server that they are of.
        """
        answered = self.filter(refreshed_at__isnull=False, gone_at__isnull=True)
        return answered.filter(volume_id__isnull=True, vm_id__isnull=True)

    def counted(self, access: Access) -> "BackupQuerySet":
        """Returns each backup once: of one that two services of a project show, the one that the
        other row names as `same_as`, as far as that is open to whoever asks.
        """
        return self.filter(is_counted(access))

    def doubles(self, access: Access) -> "BackupQuerySet":
        """Returns those that `counted` leaves out. An index that holds no others finds them."""
        return self.filter(is_double(access))

    def newest_first(self) -> "BackupQuerySet":
        when = Coalesce(F("created_at"), F("tracked_at"))
        return self.order_by(when.desc(), "id")


def in_tracking_state(state: str, now: datetime) -> Q:
    """Returns the condition of one state, by the instants at which it changes. One query, for the
    clouds that are silent.
    """
    if state == "gone":
        return Q(gone_at__isnull=False)
    if state == "pending":
        return Q(gone_at__isnull=True, refreshed_at__isnull=True)
    silent = Q(last_good_at=None) | Q(last_good_at__lte=now - SILENT_AFTER)
    names = list(Cloud.objects.filter(silent).order_by("name").values_list("name", flat=True))
    if state == "fresh":
        # Most rows are fresh, so the condition tells what they are not: no index may draw SQLite
        # away from that of an order. All its columns are in the index `backup_stale`, by which they
        # are counted; with `refreshed_at` there is a `stale_at`.
        fresh = Q(gone_at__isnull=True, stale_at__isnull=False) & ~Q(stale_at__lte=now)
        return fresh & ~Q(cloud__in=names) if names else fresh
    stale = Q(stale_at__isnull=True) | Q(stale_at__lte=now)
    if names:
        stale |= Q(cloud__in=names)
    return Q(gone_at__isnull=True, refreshed_at__isnull=False) & stale


def is_double(access: Access) -> Q:
    """Returns the condition of what is seen through another service of the same project as well,
    and is counted there.
    """
    return Q(Exists(_twin(access)), same_as__isnull=False)


def is_counted(access: Access) -> Q:
    """Returns the condition of what is no double; once the other one is no longer tracked, or to
    whom it is not open, this one counts.
    """
    return Q(same_as__isnull=True) | ~Q(Exists(_twin(access)))


def _twin(access: Access) -> models.QuerySet["Backup"]:
    return Backup.objects.filter(pk=OuterRef("same_as")).visible_to(access).order_by()


def is_answered_for(now: datetime) -> Q:
    """Returns the condition of what its cloud has answered for lately, and answers now."""
    # The clouds are few, so asking for those that answer is cheaper than joining them to every row.
    answering = Cloud.objects.filter(last_good_at__gt=now - SILENT_AFTER).values("name")
    return Q(stale_at__isnull=False, stale_at__gt=now, cloud__in=answering)


def happened_at(now: datetime) -> Case:
    """Returns when the cloud began a backup, as an expression; a time that cannot be believed gives
    way to when it was added here.
    """
    believed = When(created_at__lte=now + SKEW, then=F("created_at"))
    return Case(believed, default=F("tracked_at"), output_field=models.DateTimeField())


class Backup(models.Model):
    id = models.UUIDField(primary_key=True)
    cloud = models.ForeignKey(
        Cloud, models.PROTECT, db_column="cloud", db_index=False, related_name="backups"
    )
    # The row of its volume, for what lists show of it: every one that is named has one.
    volume = OtherRow(
        "backups.Volume",
        models.DO_NOTHING,
        from_fields=["cloud", "volume_id"],
        to_fields=["cloud", "volume_id"],
        null=True,
        related_name="+",
    )
    # As the API gives them.
    status = CodePointText(null=True)
    name = CodePointText(null=True)
    size = models.BigIntegerField(null=True)
    volume_id = CodePointText(null=True)
    availability_zone = models.TextField(null=True)
    fail_reason = models.TextField(null=True)
    object_count = models.BigIntegerField(null=True)
    container = models.TextField(null=True)
    created_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(null=True)
    data_timestamp = models.DateTimeField(null=True)
    snapshot_id = models.TextField(null=True)
    is_incremental = models.BooleanField(null=True)
    has_dependent_backups = models.BooleanField(null=True)
    links = models.JSONField(default=list)
    tenant_id = models.TextField(null=True)
    # Of CBR alone.
    expired_at = models.DateTimeField(null=True)  # when the cloud deletes it
    vault_id = models.TextField(null=True)
    policy_id = models.TextField(null=True)
    parent_id = models.TextField(null=True)  # the backup of a server that it is a part of
    # Decoded from description.
    description = models.TextField(null=True)
    inc = models.PositiveSmallIntegerField(null=True)
    # Decoded from service_metadata.
    progress = models.PositiveSmallIntegerField(null=True)
    chain_size_mb = models.BigIntegerField(null=True)
    throughput_mb_s = models.FloatField(null=True)
    space_saving_percent = models.PositiveSmallIntegerField(null=True)
    deduplicated = models.BooleanField(null=True)
    compressed = models.BooleanField(null=True)
    service_type = models.CharField(max_length=16, null=True)
    bootable = models.BooleanField(null=True)
    type = models.BigIntegerField(null=True)
    encrypted = models.BooleanField(null=True)
    cmk_id = models.TextField(null=True)
    backup_image_id = models.TextField(null=True)
    storage_path = models.TextField(null=True)
    storage_unit_path = models.TextField(null=True)
    storage_type = models.BigIntegerField(null=True)
    volume_type = models.TextField(null=True)
    vm_id = models.TextField(null=True)
    host_id = models.TextField(null=True)
    job_id = models.TextField(null=True)
    unmapped = models.JSONField(null=True)
    decode_problems = models.JSONField(default=list)
    # Derived.
    kind = models.CharField(max_length=16, default="unknown")
    kind_source = models.CharField(max_length=16, null=True)
    kind_conflict = models.BooleanField(default=False)
    # Tracking.
    tracked_at = models.DateTimeField()
    # The use of the add form that this backup came with; null for the API and for followed lists.
    added_batch = models.UUIDField(null=True)
    refreshed_at = models.DateTimeField(null=True)
    attempted_at = models.DateTimeField(null=True)
    next_refresh_at = models.DateTimeField(null=True)
    error = models.JSONField(null=True)
    note = models.TextField(default="", blank=True)
    tags = models.JSONField(default=list, blank=True)
    version = models.PositiveIntegerField(default=1)
    # Of the engine: when the knowledge turns old, when the cloud first and finally denied the
    # backup, who holds it.
    refresh_interval = models.PositiveIntegerField(null=True)  # seconds, before jitter
    stale_at = models.DateTimeField(null=True)  # refreshed_at + 2 × refresh_interval
    missed_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(null=True)
    unchanged_polls = models.PositiveSmallIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)  # polls in a row that failed
    # A whole list did not serve it then: it is asked for singly.
    unlisted_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    digest = models.CharField(max_length=32, null=True)
    # The tracked backup that this one is too, seen through another service of the same project:
    # it is counted there.
    same_as = models.UUIDField(null=True)
    # Written by derived.findings. The cause is null where there is nothing to explain.
    cause = models.ForeignKey(
        Cause, models.SET_NULL, null=True, db_index=False, related_name="backups"
    )
    # "good" or "failed": what came of making it, kept when deleted.
    outcome = models.CharField(max_length=8, null=True)
    running = models.JSONField(null=True)  # while in flight: analysis.running.RunningBackup
    # Stuck from then on, unless an answer brings progress.
    stuck_at = models.DateTimeField(null=True)

    objects = BackupQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(inc__isnull=True) | Q(inc__lte=1), name="backup_inc_is_0_or_1"
            ),
            models.CheckConstraint(
                condition=Q(progress__isnull=True) | Q(progress__lte=100),
                name="backup_progress_is_a_percentage",
            ),
            models.CheckConstraint(condition=Q(kind__in=KINDS), name="backup_kind_is_known"),
        )
        indexes = (
            models.Index("cloud", "next_refresh_at", "id", name="backup_due"),
            # In flight and due: a few rows, found without reading a backlog of settled ones.
            models.Index(
                "cloud",
                "next_refresh_at",
                name="backup_in_flight",
                condition=POLLED_AS_IN_FLIGHT,
            ),
            # Asked for singly and due, while a list serves the rest.
            models.Index(
                "cloud",
                "next_refresh_at",
                name="backup_unlisted",
                condition=Q(unlisted_at__isnull=False),
            ),
            # Each order of the list, both ways: a page begins where the last one ended, whatever
            # its place.
            *(models.Index(F(name).asc(), "id", name=f"backup_{name}_up") for name in ORDERED),
            *(models.Index(F(name).desc(), "id", name=f"backup_{name}_down") for name in ORDERED),
            models.Index("cloud", "volume_id", "created_at", name="backup_disk"),
            models.Index("stuck_at", name="backup_stuck", condition=Q(stuck_at__isnull=False)),
            # What the home page counts: stale and gone ones are few, so fresh ones are the rest.
            models.Index("stale_at", "cloud", "gone_at", name="backup_stale"),
            models.Index("id", name="backup_gone", condition=Q(gone_at__isnull=False)),
            models.Index("cloud", name="backup_conflict", condition=Q(kind_conflict=True)),
            models.Index("cause", name="backup_cause", condition=Q(cause__isnull=False)),
            models.Index(*COUNTED, name="backup_counted"),
            models.Index("same_as", name="backup_same_as", condition=Q(same_as__isnull=False)),
            models.Index("parent_id", name="backup_parent", condition=Q(parent_id__isnull=False)),
            models.Index("vm_id", "cloud", name="backup_vm", condition=Q(vm_id__isnull=False)),
            models.Index(
                "added_batch",
                name="backup_added_batch",
                condition=Q(added_batch__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return self.name or str(self.id)
