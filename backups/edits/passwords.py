"""A new password of a local account."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from backups.edits import tokens
from backups.models import ObjectKind, Verb
from backups.shared import audit


def change(user: User, *, password: str, ended_tokens: Iterable[int], now: datetime) -> int:
    """Sets the password, and revokes those of the account's tokens; returns how many were in use.

    Sessions that began with the password before are refused by its hash, which stands in them.
    """
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        name = user.get_username()
        audit.note(Verb.ACCOUNT_PASSWORD, ObjectKind.ACCOUNT, name, at=now)
        ended = 0
        for token_id in ended_tokens:
            ended += tokens.revoke(user=user, token_id=token_id, now=now)
    return ended
