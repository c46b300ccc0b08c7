"""Ends sessions of browsers: their rows go, so a cookie of one opens nothing any more."""

from django.contrib.auth.models import User
from django.db import transaction

from backups.models import ObjectKind, UserSession, Verb
from backups.shared import audit


def end_others(user: User, *, own_key: str | None) -> int:
    """Ends all sessions of an account but the one with this key; returns how many there were."""
    others = UserSession.objects.filter(user=user).exclude(session_key=own_key)
    with transaction.atomic():
        ended = others.delete()[0]
        if ended:
            name = user.get_username()
            audit.note(Verb.SESSION_END_OTHERS, ObjectKind.SESSION, name, after={"ended": ended})
    return ended
