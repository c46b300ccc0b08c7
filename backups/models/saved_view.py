"""A list that somebody wants to see again."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class ViewedList(models.TextChoices):
    """The lists that have views."""

    BACKUPS = "backups"
    VOLUMES = "volumes"


class SavedView(models.Model):
    """A name for a query string of a list: filters, columns and order in one. The one that is the
    default is what the bare list of backups shows; no other list has one.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.TextField(blank=True)
    list_name = models.CharField(
        max_length=16,
        choices=ViewedList.choices,
        default=ViewedList.BACKUPS,
        db_default=ViewedList.BACKUPS.value,
    )
    is_default = models.BooleanField(default=False)

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint("user", "name", name="saved_view_name_is_taken_once"),
            models.UniqueConstraint(
                "user", condition=Q(is_default=True), name="saved_view_default_is_one"
            ),
        )

    def __str__(self) -> str:
        return self.name
