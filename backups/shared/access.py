"""Who asks, and what he may: of a session its account, of a token no more than its account."""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest

from backups.models import FULL_ACCESS, NEW_ACCOUNT, NO_ACCESS, Access, Account, ApiToken, Role


def access_of(request: HttpRequest | Any) -> Access:
    """Returns what a request of a page or of the API may; its sign-in has been looked at before."""
    token = getattr(request, "auth", None)  # only requests of the API have it
    if isinstance(token, ApiToken):
        return access_of_token(token)
    user = request.user
    return access_of_user(user) if isinstance(user, User) else NO_ACCESS


def access_of_user(user: User) -> Access:
    """Returns what an account may now: nothing while it is switched off."""
    return granted_to(user) if user.is_active else NO_ACCESS


def granted_to(user: User) -> Access:
    """Returns what an account may while it is switched on. A superuser of Django may everything, so
    that there is a way in when all else is wrong.
    """
    if user.is_superuser:
        return FULL_ACCESS
    try:
        account: Account = user.account
    except ObjectDoesNotExist:
        return NEW_ACCOUNT
    return account.access


def access_of_token(token: ApiToken) -> Access:
    """Returns what a token may: never more than its owner may now, whatever he could when he
    made it. That one may only read is a matter of the method (`backups/api/auth.py`).
    """
    access = access_of_user(token.user)
    return access.within(frozenset(token.clouds)) if token.clouds else access


def sees_account(admin: User, account: User) -> bool:
    """Tells whether an account is shown to an admin: one that may no more than himself."""
    access = access_of_user(admin)
    return access.may(Role.ADMIN) and access.covers(granted_to(account))


def may_change_account(admin: User, account: User) -> bool:
    """Tells whether an admin may change an account that he sees. Who enters Django's own pages may
    more there than any role says, so only a superuser gives him a password or takes one away.
    """
    enters_django = account.is_superuser or account.is_staff
    return sees_account(admin, account) and (admin.is_superuser or not enters_django)
