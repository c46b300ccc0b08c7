"""What an account keeps: how its owner reads, and saved views."""

from datetime import datetime

from django.contrib.auth.models import User

from backups.models import Preferences, SavedView, UserSession


def preferences_of(user: User) -> Preferences | None:
    return Preferences.objects.filter(user_id=user.pk).first()


def saved_views_of(user: User) -> list[SavedView]:
    """Returns the views of an account by name."""
    return list(SavedView.objects.filter(user=user))


def session_count(user: User, now: datetime) -> int:
    """Returns in how many browsers somebody is signed in to an account, this one among them."""
    return UserSession.objects.filter(user=user, expire_date__gt=now).count()
