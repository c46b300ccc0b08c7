"""Vaults of CBR: where backups lie, how much room is left, and whose backups they hold."""

from django.db import models

from backups.models.access import OfClouds
from backups.models.cloud import Cloud
from backups.models.columns import CodePointText


class VaultQuerySet(OfClouds["Vault"]):
    def standing(self) -> "VaultQuerySet":
        """Returns those that the cloud still has, as far as is known."""
        return self.filter(deleted_at=None)


class Vault(models.Model):
    cloud = models.ForeignKey(Cloud, models.PROTECT, db_column="cloud", related_name="vaults")
    vault_id = CodePointText()
    name = CodePointText(null=True)
    status = models.TextField(null=True)  # as given
    object_type = models.TextField(null=True)  # server, disk or turbo
    size_gb = models.BigIntegerField(null=True)
    allocated_gb = models.BigIntegerField(null=True)
    used_mb = models.BigIntegerField(null=True)
    # The same as it was last read on each day of UTC, by its ISO date, of the last 90 days.
    used_by_day = models.JSONField(default=dict)
    auto_expand = models.BooleanField(null=True)
    locked = models.BooleanField(null=True)  # backups cannot be deleted before their time
    policy_ids = models.JSONField(default=list)  # of the policies that are bound to it
    problems = models.JSONField(default=list)  # sentences on what could not be read
    is_whole = models.BooleanField(default=True)  # all that it holds could be read
    first_seen_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    missing_since = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    objects = VaultQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint("cloud", "vault_id", name="vault_once_in_a_cloud"),)

    def __str__(self) -> str:
        return self.name or self.vault_id


class OfVaults(OfClouds["VaultResource"]):
    cloud_path = "vault__cloud"


class VaultResource(models.Model):
    """A volume, a server or a file system whose backups a vault holds."""

    vault = models.ForeignKey(Vault, models.CASCADE, related_name="resources")
    resource_id = CodePointText()
    resource_type = models.CharField(max_length=16)  # vbs.policies.ResourceType
    name = models.TextField(null=True)
    size_gb = models.BigIntegerField(null=True)
    stored_mb = models.BigIntegerField(null=True)  # of all its backups in the vault
    backup_count = models.PositiveIntegerField(null=True)
    protect_status = models.TextField(null=True)  # as given
    # Of a server: the volumes that are left out, and the only ones that are not; null: all.
    excluded = models.JSONField(default=list)
    included = models.JSONField(null=True)
    since = models.DateTimeField()
    seen_at = models.DateTimeField()
    missing_since = models.DateTimeField(null=True)

    objects = OfVaults.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint("vault", "resource_id", name="vault_resource_once"),)
        indexes = (models.Index("resource_id", name="vault_resource_id"),)

    def __str__(self) -> str:
        return self.name or self.resource_id
