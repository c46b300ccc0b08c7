"""What admins do with the accounts of others: one function for each act.

Each asks under locks once more what its admin may: two who act at the same time, one on the other,
do it one after the other. None takes away the last way in.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from backups.edits import account_access, passwords, sessions, tokens
from backups.edits.common import BadValue, NotAllowed
from backups.edits.tokens import UnknownToken
from backups.models import FULL_ACCESS, Access, ExternalIdentity, ObjectKind, Role, Verb
from backups.models.data_version import data_changed
from backups.shared import audit
from backups.shared.access import access_of_user, granted_to, may_change_account, sees_account
from backups.shared.account_state import account_state, sessions_state

LONGEST_NAME = 150  # characters; of Django's column
_IS_NAME = UnicodeUsernameValidator()


class UnknownAccount(LookupError):
    """There is none, or none that this admin sees."""


class LastWayIn(NotAllowed):
    """Nobody could manage accounts any more."""


class ChangedMeanwhile(Exception):
    """The form was drawn for another state of the account; nothing was written."""

    def __init__(self) -> None:
        super().__init__(
            "This account was changed since the form was drawn, or the form was sent before: look "
            "at what is there now."
        )


@dataclass(frozen=True)
class Ended:
    """How many were in use."""

    sessions: int
    tokens: int


def add(name: str, *, access: Access, password: str, by: User) -> User:
    """Makes an account. `password`: "" for none, so that it signs in elsewhere or not yet. Raises
    BadValue of the fields `username`, `password` and `clouds`, and NotAllowed.
    """
    name = clean_name(name)
    account = User(username=name)
    if password:
        check_password(password, account=account)
    account.set_password(password or None)
    try:
        with transaction.atomic():
            role = _role_to_give(access, by)
            account.save(force_insert=True)
            audit.note(
                Verb.ACCOUNT_CREATE,
                ObjectKind.ACCOUNT,
                name,
                after={"has_password": bool(password)},
            )
            account_access.give(account, Access(role, access.clouds))
            data_changed()
    except IntegrityError as e:
        # Of two at once the database lets one through.
        raise _name_is_taken(name) from e
    return account


def set_access(account_id: int, access: Access, *, by: User, seen: str) -> None:
    """Sets role and clouds. `seen`: the state that the form was drawn for. Raises UnknownAccount,
    NotAllowed, ChangedMeanwhile and BadValue.
    """
    with _changing(account_id, by=by, seen=seen) as account:
        if account.is_superuser:
            raise NotAllowed("A superuser may everything, whatever his role.")
        role = _role_to_give(access, by)
        account_access.give(account, Access(role, access.clouds))


def switch_off(account_id: int, *, by: User, seen: str) -> Ended:
    """Lets an account do nothing any more: its sessions end, its tokens open nothing while it is
    off. Raises UnknownAccount, NotAllowed and ChangedMeanwhile.
    """
    with _changing(account_id, by=by, seen=seen) as account:
        _switch(account, is_active=False)
        ended = sessions.end_others(account, own_key=None)
    return Ended(sessions=ended, tokens=0)


def switch_on(account_id: int, *, by: User, seen: str) -> None:
    """Raises UnknownAccount, NotAllowed and ChangedMeanwhile."""
    with _changing(account_id, by=by, seen=seen) as account:
        _switch(account, is_active=True)


def set_password(
    account_id: int,
    password: str,
    *,
    ended_tokens: Iterable[int],
    by: User,
    seen: str,
    now: datetime,
) -> Ended:
    """Sets a password, ends all sessions and those of the account's tokens. Raises BadValue,
    UnknownAccount, NotAllowed and ChangedMeanwhile.
    """
    with _changing(account_id, by=by, seen=seen) as account:
        if account.pk == by.pk:
            raise NotAllowed("Your own password is changed on the page of your own account.")
        if ExternalIdentity.objects.filter(user=account).exists():
            raise NotAllowed("This account signs in elsewhere, and has no password here.")
        check_password(password, account=account)
        tokens_ended = passwords.change(
            account, password=password, ended_tokens=ended_tokens, now=now
        )
        sessions_ended = sessions.end_others(account, own_key=None)
    return Ended(sessions=sessions_ended, tokens=tokens_ended)


def end_sessions(account_id: int, *, by: User, seen: str) -> int:
    """Signs an account out everywhere; returns how many sessions that were. `seen`: the state of
    its sessions. Raises UnknownAccount, NotAllowed and ChangedMeanwhile.
    """
    with _changing(account_id, by=by) as account:
        if seen != sessions_state(account):
            raise ChangedMeanwhile
        return sessions.end_others(account, own_key=None)


def revoke_token(account_id: int, token_id: int, *, by: User, now: datetime) -> bool:
    """Ends a token; False when that was done before. Raises UnknownAccount, UnknownToken and
    NotAllowed.
    """
    with _changing(account_id, by=by) as account:
        if not tokens.is_of(account, token_id):
            raise UnknownToken(f"This account has no token {token_id}.")
        return tokens.revoke(user=account, token_id=token_id, now=now)


def delete(account_id: int, *, by: User, seen: str) -> str:
    """Deletes an account with its tokens, sessions and saved views; returns its name. What it did
    stays with that name. Raises UnknownAccount, NotAllowed and ChangedMeanwhile.
    """
    with _changing(account_id, by=by, seen=seen) as account:
        name = account.get_username()
        before = account_access.noted(granted_to(account))
        audit.note(Verb.ACCOUNT_DELETE, ObjectKind.ACCOUNT, name, before=before)
        account.delete()
    return name


def clean_name(text: str) -> str:
    """Returns the name as it is stored: composed, without blanks around. Raises BadValue, also
    where an account has it, in whatever capitals.
    """
    name = User.normalize_username(text.strip())
    if not name:
        raise BadValue("username", "Write the name that it signs in with.")
    if len(name) > LONGEST_NAME:
        raise BadValue("username", f"A name has at most {LONGEST_NAME} characters.")
    try:
        _IS_NAME(name)
    except ValidationError as e:
        raise BadValue("username", "Write letters, digits and @ . + - _ alone.") from e
    if User.objects.filter(username__iexact=name).exists():
        raise _name_is_taken(name)
    return name


def check_password(password: str, *, account: User) -> None:
    """Raises BadValue for a weak one."""
    try:
        validate_password(password, user=account)
    except ValidationError as e:
        raise BadValue("password", " ".join(e.messages)) from e


def _switch(account: User, *, is_active: bool) -> None:
    User.objects.filter(pk=account.pk).update(is_active=is_active)
    audit.note(
        Verb.ACCOUNT_EDIT,
        ObjectKind.ACCOUNT,
        account.get_username(),
        before={"active": account.is_active},
        after={"active": is_active},
    )


@contextmanager
def _changing(account_id: int, *, by: User, seen: str | None = None) -> Iterator[User]:
    """Gives the account as it is under locks, to be changed by this admin; one transaction. Raises
    UnknownAccount, NotAllowed, LastWayIn and ChangedMeanwhile.
    """
    with transaction.atomic():
        _lock(account_id, by)
        admin = User.objects.select_related("account").get(pk=by.pk)
        account = User.objects.select_related("account").filter(pk=account_id).first()
        if account is None or not sees_account(admin, account):
            raise UnknownAccount(f"There is no account {account_id}.")
        if not may_change_account(admin, account):
            raise NotAllowed("This account enters Django's own pages: only a superuser changes it.")
        if seen is not None and seen != account_state(account):
            raise ChangedMeanwhile
        name = account.get_username()
        ways_before = _ways_in()
        yield account
        data_changed()
        lost = ways_before - _ways_in()
        if lost:
            way = "can sign in" if "any" in lost else "has a password here"
            raise LastWayIn(
                f"“{name}” is the last account that is on, may everything and {way}: give another "
                "such one the role admin for all clouds first."
            )


def _lock(account_id: int, by: User) -> None:
    """Locks an account and all that are a way in, in one order, until the transaction ends."""
    is_way_in = Q(is_superuser=True) | Q(account__role=Role.ADMIN, account__all_clouds=True)
    rows = User.objects.filter(Q(pk=account_id) | Q(pk=by.pk) | is_way_in).order_by("pk")
    list(rows.select_for_update(of=("self",), no_key=True).values_list("pk"))


def _ways_in() -> set[str]:
    """Returns how somebody who may everything can sign in: `any`, and `password` for one of
    vbsdash itself, which works too when whatever else signs people in is away.
    """
    ways = set()
    is_way_in = Q(is_superuser=True) | Q(account__role=Role.ADMIN, account__all_clouds=True)
    for user in User.objects.filter(is_way_in, is_active=True).select_related("account"):
        if granted_to(user) == FULL_ACCESS:
            ways.add("any")
            if user.has_usable_password():
                ways.add("password")
    return ways


def _role_to_give(access: Access, by: User) -> Role:
    """Returns the role in what an admin gives. Raises NotAllowed and BadValue where it is more than
    he has.
    """
    # Read anew: the admin may have lost his role since his request began.
    own = access_of_user(User.objects.get(pk=by.pk))
    if not own.may(Role.ADMIN):
        raise NotAllowed("Only an admin gives roles.")
    if access.role is None:
        raise BadValue("role", "Choose a role.")
    if not own.covers(access):
        raise BadValue("clouds", "You may not give clouds that are not open to yourself.")
    return access.role


def _name_is_taken(name: str) -> BadValue:
    return BadValue("username", f"There is an account “{name}” already, maybe in other capitals.")
