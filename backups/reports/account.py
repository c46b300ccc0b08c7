"""What an account keeps: how its owner reads, and saved views."""

from django.contrib.auth.models import User

from backups.models import Preferences, SavedView


def preferences_of(user: User) -> Preferences | None:
    return Preferences.objects.filter(user_id=user.pk).first()


def saved_views_of(user: User) -> list[SavedView]:
    """Returns the views of an account by name."""
    return list(SavedView.objects.filter(user=user))
