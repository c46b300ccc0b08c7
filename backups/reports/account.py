"""What an account keeps: how its owner reads, and saved views."""

from datetime import datetime

from django.contrib.auth.models import User

from backups.models import Preferences, SavedView, UserSession, ViewedList


def preferences_of(user: User) -> Preferences | None:
    return Preferences.objects.filter(user_id=user.pk).first()


def saved_views_of(user: User, list_name: ViewedList | None = None) -> list[SavedView]:
    """Returns the views of an account by name: of one list, or of all."""
    views = SavedView.objects.filter(user=user)
    if list_name is not None:
        views = views.filter(list_name=list_name)
    return list(views)


def session_count(user: User, now: datetime) -> int:
    """Returns in how many browsers somebody is signed in to an account, this one among them."""
    return UserSession.objects.filter(user=user, expire_date__gt=now).count()
