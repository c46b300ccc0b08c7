"""Accounts that tests sign in to."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User

from backups.models import Account, Cloud, Role


def make_operator(username: str, **fields: Any) -> User:
    """Makes an account that tracks and edits in all clouds, as most tests want it."""
    return make_account(username, role=Role.OPERATOR, **fields)


def make_account(
    username: str, *, role: Role, clouds: Iterable[str] | None = None, **fields: Any
) -> User:
    """`clouds`: names, whose rows are made where they are missing; None: all."""
    user = User.objects.create_user(username, **fields)
    account = Account.objects.create(user=user, role=role, all_clouds=clouds is None)
    if clouds is not None:
        account.clouds.set([Cloud.objects.get_or_create(name=name)[0] for name in clouds])
    return user
