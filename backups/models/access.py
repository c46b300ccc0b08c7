"""What somebody may do, and in which clouds; which rows follow of that."""

from dataclasses import dataclass
from typing import Self, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


class Role(models.TextChoices):
    """What somebody may do; each may also do what the ones above it may.

    A viewer reads, and keeps tokens, views and looks of his own. An operator tracks, refreshes,
    writes notes, tags and rules, acknowledges. An admin manages the accounts of others.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_RANK = {Role.VIEWER: 1, Role.OPERATOR: 2, Role.ADMIN: 3}


@dataclass(frozen=True)
class Access:
    """What somebody may do where. `role` None: nothing at all. `clouds`: names; None: all that
    there are and will be.
    """

    role: Role | None
    clouds: frozenset[str] | None

    def may(self, role: Role) -> bool:
        """Tells whether what needs `role` is allowed, in the clouds that are open."""
        return self.role is not None and _RANK[self.role] >= _RANK[role]

    def opens(self, cloud: str) -> bool:
        return self.clouds is None or cloud in self.clouds

    def covers(self, other: "Access") -> bool:
        """Tells whether all that `other` may, this one may too."""
        if other.role is not None and not self.may(other.role):
            return False
        if self.clouds is None:
            return True
        return other.clouds is not None and other.clouds <= self.clouds

    def within(self, clouds: frozenset[str]) -> "Access":
        """Returns what is left of it in these clouds."""
        open_clouds = clouds if self.clouds is None else self.clouds & clouds
        return Access(self.role, open_clouds)


NO_ACCESS = Access(None, frozenset())
NEW_ACCOUNT = Access(Role.VIEWER, None)
# Of commands, tasks and whoever else is the installation itself.
FULL_ACCESS = Access(Role.ADMIN, None)


class OfClouds(models.QuerySet[Row]):
    """Rows that lie in a cloud, by their column `cloud`, or by another way that `cloud_path` says
    in Django's words.
    """

    cloud_path = "cloud"

    def visible_to(self, access: Access) -> Self:
        """Returns the rows in the clouds that are open to somebody."""
        if access.clouds is None:
            return self
        return self.filter(**{f"{self.cloud_path}__in": access.clouds})


class OfBackups(OfClouds[Row]):
    """Rows of a backup, which lie in its cloud."""

    cloud_path = "backup__cloud"
