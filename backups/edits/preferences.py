"""How the owner of an account reads pages."""

from django.contrib.auth.models import User

from backups.models import Preferences
from backups.models.data_version import data_changed


def set_theme_and_zone(user: User, *, theme: str, time_zone: str) -> None:
    Preferences.objects.update_or_create(
        user=user, defaults={"theme": theme, "time_zone": time_zone}
    )
    data_changed()


def set_compact_lists(user: User, *, on: bool) -> None:
    Preferences.objects.update_or_create(user=user, defaults={"compact_lists": on})
    data_changed()


def set_single_keys(user: User, *, on: bool) -> None:
    Preferences.objects.update_or_create(user=user, defaults={"single_keys": on})
    data_changed()
