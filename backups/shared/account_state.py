"""What an account is now, as a short text that a form carries: one that was drawn for another state
changes nothing, whether it is sent again or somebody else was faster.
"""

from django.contrib.auth.models import User
from django.utils.crypto import salted_hmac

from backups.shared.access import granted_to


def account_state(user: User) -> str:
    """Returns a keyed digest, which tells nothing of the password."""
    access = granted_to(user)
    clouds = None if access.clouds is None else sorted(access.clouds)
    parts = (
        user.pk,
        user.get_username(),
        user.password,
        user.is_active,
        user.is_superuser,
        access.role,
        clouds,
    )
    return _digest(parts)


def sessions_state(user: User) -> str:
    """Returns the same of the account's sessions, of which each sign-in makes another one."""
    return _digest((user.pk, user.last_login))


def _digest(parts: tuple[object, ...]) -> str:
    return salted_hmac("backups.account_state", repr(parts), algorithm="sha256").hexdigest()[:32]
