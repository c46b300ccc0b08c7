"""What an account keeps of how its owner reads: theme, zone, keys, lists."""

from django.conf import settings
from django.db import models
from django.db.models import Q

THEMES = ("system", "light", "dark")


class Preferences(models.Model):
    """No row: everything as it comes. `time_zone` is an IANA name; empty: the browser's."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="preferences"
    )
    theme = models.CharField(max_length=8, default="system")
    time_zone = models.CharField(max_length=64, default="", blank=True)
    single_keys = models.BooleanField(default=True)
    compact_lists = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(theme__in=THEMES), name="preferences_theme_is_known"
            ),
        )

    def __str__(self) -> str:
        return f"preferences of {self.user}"
