"""The role of an account and the clouds that are open to it."""

from functools import cached_property

from django.conf import settings
from django.db import models

from backups.models.access import Access, Role
from backups.models.cloud import Cloud


class Account(models.Model):
    """What vbsdash adds to Django's user. `clouds` counts only without `all_clouds`. A user without
    a row is a new one: a viewer of all clouds.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="account"
    )
    role = models.CharField(
        max_length=8, choices=Role, default=Role.VIEWER, db_default=Role.VIEWER.value
    )
    all_clouds = models.BooleanField(default=True, db_default=True)
    clouds = models.ManyToManyField(Cloud, blank=True, related_name="+")

    def __str__(self) -> str:
        return f"{self.user}: {self.role}"

    @cached_property
    def access(self) -> Access:
        """What the account may, as it was when this row was read; one query where it is limited
        to some clouds.
        """
        clouds = None
        if not self.all_clouds:
            # All rows, not a query of its own for names: so `prefetch_related` counts.
            clouds = frozenset(cloud.pk for cloud in self.clouds.all())
        return Access(Role(self.role), clouds)
