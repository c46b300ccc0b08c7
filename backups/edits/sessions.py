"""Ends sessions of browsers: their rows go, so a cookie of one opens nothing any more."""

from django.contrib.auth.models import User

from backups.models import UserSession


def end_others(user: User, *, own_key: str | None) -> int:
    """Ends all sessions of an account but the one with this key; returns how many there were."""
    others = UserSession.objects.filter(user=user).exclude(session_key=own_key)
    return others.delete()[0]
