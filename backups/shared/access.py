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
    """Returns what an account may. A superuser of Django may everything, so that there is a way in
    when all else is wrong.
    """
    if not user.is_active:
        return NO_ACCESS
    if user.is_superuser:
        return FULL_ACCESS
    try:
        account: Account = user.account
    except ObjectDoesNotExist:
        return NEW_ACCOUNT
    return account.access


def access_of_token(token: ApiToken) -> Access:
    """Returns what a token may: never more than its owner may now, whatever he could when he
    made it.
    """
    role = Role.VIEWER if token.read_only else Role.ADMIN
    clouds = frozenset(token.clouds) if token.clouds else None
    return access_of_user(token.user).narrowed(role=role, clouds=clouds)
