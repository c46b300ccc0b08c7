"""What vbsdash knows of a cloud beyond its configuration. Credentials are never here."""

from datetime import datetime, timedelta

from django.db import models

from backups.models.access import Access
from backups.models.columns import CodePointText

# A cloud without a good answer for so long makes everything in it stale.
SILENT_AFTER = timedelta(minutes=30)


class CloudQuerySet(models.QuerySet["Cloud"]):
    def visible_to(self, access: Access) -> "CloudQuerySet":
        """Returns the clouds that are open to somebody."""
        return self if access.clouds is None else self.filter(name__in=access.clouds)


class Cloud(models.Model):
    name = CodePointText(primary_key=True)
    # Service type its endpoint was found under.
    catalog_type = models.CharField(max_length=64, null=True)
    seen_vbs = models.BooleanField(default=False)  # a body had what stock Cinder never sends
    type_votes_0 = models.PositiveIntegerField(default=0)
    type_votes_1 = models.PositiveIntegerField(default=0)
    # In force when its backups were last derived.
    type_interpretation = models.CharField(max_length=8, null=True)
    endpoint = models.TextField(null=True)  # base URL of its backup service, as last found
    signed_in_at = models.DateTimeField(null=True)
    token_expires_at = models.DateTimeField(null=True)
    # Our clock against the cloud's, when it last answered.
    clock_ahead_seconds = models.BigIntegerField(null=True)
    last_good_at = models.DateTimeField(null=True)
    attempted_at = models.DateTimeField(null=True)
    error = models.JSONField(null=True)  # {class, http_status, code, message, request_id, since}
    # Sign-in: a refused one is not repeated for an hour unless the configuration changed; one
    # process tries at a time.
    refused_at = models.DateTimeField(null=True)
    refused_fingerprint = models.CharField(max_length=64, null=True)
    signing_in_until = models.DateTimeField(null=True)
    # Pauses: asked for by the cloud, or by the breaker after repeated failures; one probe closes
    # the breaker.
    paused_until = models.DateTimeField(null=True)
    pause_reason = models.CharField(max_length=16, null=True)  # "retry_after" or "breaker"
    # Calls in a row that the cloud is at fault for.
    failures = models.PositiveIntegerField(default=0)
    # Times in a row that the breaker opened.
    breaker_openings = models.PositiveSmallIntegerField(default=0)
    probe_until = models.DateTimeField(null=True)
    # Lists: what they can do here, and how far they have been read.
    sweep_until = models.DateTimeField(null=True)  # claim of the sweep
    walked_at = models.DateTimeField(null=True)  # when the last whole sweep began
    # Since then there are volumes whose backups no whole sweep has looked for.
    walk_asked_at = models.DateTimeField(null=True)
    backups_listed_at = models.DateTimeField(null=True)  # up to then every new backup is known
    newest_created_at = models.DateTimeField(null=True)  # of all backups that a list has named
    listed = models.PositiveIntegerField(null=True)  # entries of the last whole sweep
    # The first sweep that named far fewer, while that is not confirmed.
    shrunk_since = models.DateTimeField(null=True)
    shrunk_to = models.PositiveIntegerField(null=True)  # entries of the last such sweep
    # The server's own cap, when it is below 1,000.
    page_size = models.PositiveIntegerField(null=True)
    # Keys of the single answer that list entries lack; null = not known.
    list_lacks = models.JSONField(null=True)
    list_error = models.TextField(null=True)  # why the list cannot be used, as a sentence
    list_checked_at = models.DateTimeField(null=True)
    follow = models.CharField(max_length=8, default="none")  # vbs_follow, as configured now
    # The list of volumes: optional, a cloud may refuse it.
    volumes_due_at = models.DateTimeField(null=True)
    volumes_listed_at = models.DateTimeField(null=True)
    volumes_error = models.TextField(null=True)  # why it was not read, as a sentence
    # The quota of backups, as the cloud tells it: null is no limit, or not told.
    quota_backups = models.BigIntegerField(null=True)
    quota_gb = models.BigIntegerField(null=True)
    # How much of it the cloud counts as used: null is not told.
    quota_used_backups = models.BigIntegerField(null=True)
    quota_used_gb = models.BigIntegerField(null=True)
    # {"backups": 0}: an odd answer that another one has to confirm.
    quota_doubted = models.JSONField(null=True)
    quota_due_at = models.DateTimeField(null=True)
    quota_error = models.TextField(null=True)
    # Its backup service is gone for good, as far as is known: since when the catalog lacks it,
    # since when its address does not exist, and since when that is believed. Nothing of it is
    # deleted, and nothing is healthy.
    service_missing_since = models.DateTimeField(null=True)
    address_missing_since = models.DateTimeField(null=True)
    service_ended_at = models.DateTimeField(null=True)
    is_configured = models.BooleanField(default=True, db_default=True)
    # Another cloud that shows the same project by another service, and whether the disks that both
    # show are counted here: written by refresh.services.
    other_service = CodePointText(null=True)
    counts_disks = models.BooleanField(default=True, db_default=True)
    # Policies, vaults and tasks, which are read hourly: optional, a cloud may refuse them.
    policies_due_at = models.DateTimeField(null=True)
    policies_read_at = models.DateTimeField(null=True)  # the last whole reading
    policies_error = models.TextField(null=True)  # why they were not read, as a sentence
    tasks_error = models.TextField(null=True)
    # Use of the budget: calls in the running minute and in the one before.
    minute = models.DateTimeField(null=True)
    calls_this_minute = models.PositiveIntegerField(default=0)
    calls_last_minute = models.PositiveIntegerField(default=0)

    objects = CloudQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def is_heard(self, now: datetime) -> bool:
        return self.last_good_at is not None and self.last_good_at > now - SILENT_AFTER
