"""Accounts of people who sign in elsewhere: made at their first sign-in, and given at each one the
name, role and clouds that they have there by then.
"""

import logging
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, transaction

from backups.edits import account_access, sessions
from backups.models import Access, ExternalIdentity, ObjectKind, Role, Verb
from backups.models.data_version import data_changed
from backups.models.external_identity import LONGEST_ISSUER, LONGEST_SUBJECT
from backups.shared import acting, audit
from backups.shared.access import granted_to

logger = logging.getLogger(__name__)
LONGEST_NAME = 150  # characters, as Django's accounts have it
SIGN_IN_STEP = timedelta(hours=1)  # "last signed in" is written at most this often
LOST = Access(Role.VIEWER, frozenset())  # of an account: a role there has to be, clouds need not


class Refused(Exception):
    """A sentence for the person who signs in."""


@dataclass(frozen=True)
class Person:
    """Who signs in, as it was proved elsewhere. `subject` is who it is for `issuer`, for good."""

    issuer: str
    subject: str
    name: str


def sign_in(person: Person, access: Access, now: datetime) -> User:
    """Returns the account of a person with this access, made where there is none; writes nothing
    where all is so already. Raises Refused, after which all is as before.
    """
    person = _checked(person)
    identity = _identity(person)
    if identity is not None and _is_so_already(identity.user, person, access):
        if now - identity.last_sign_in_at > SIGN_IN_STEP:
            _note_sign_in(identity, now)
        return identity.user
    try:
        with transaction.atomic():
            return _sign_in(person, access, now)
    except IntegrityError as e:
        # Two first sign-ins at once: the other one has made the account.
        raise Refused("The same person signs in at this very moment: try again.") from e


def lose_access(person: Person) -> None:
    """Takes all clouds from the account of a person whom no group lets in any more, and ends its
    sessions: its tokens open nothing from now on. The next sign-in gives what the groups say then.
    Writes nothing where that is so already, or where there is no account. Raises Refused.
    """
    identity = _identity(_checked(person))
    if identity is None:
        return
    user = identity.user
    if granted_to(user) == LOST and not _is_as_local(user):
        return
    with transaction.atomic():
        _take_over(user, user.username)
        sessions.end_others(user, own_key=None)
        account_access.give(user, LOST, who=acting.user(user.get_username()))


def _checked(person: Person) -> Person:
    """Returns the person with the name as accounts have it. Raises Refused."""
    # Composed it may be longer, and hold other characters.
    name = unicodedata.normalize("NFKC", person.name).strip()
    for what, text, longest in (
        ("name", name, LONGEST_NAME),
        ("identity", person.subject, LONGEST_SUBJECT),
        ("issuer", person.issuer, LONGEST_ISSUER),
    ):
        if not text.strip() or not text.isprintable():
            raise Refused(f"Your {what} there is empty, or holds characters that nobody sees.")
        if len(text) > longest:
            raise Refused(f"Your {what} there is longer than {longest} characters.")
    return replace(person, name=name)


def _sign_in(person: Person, access: Access, now: datetime) -> User:
    identity = _identity(person)
    if identity is None:
        user = _new_account(person, now)
    else:
        user = identity.user
        if not user.is_active:
            raise Refused("Your account here is switched off.")
        _take_over(user, person.name)
        identity.last_sign_in_at = now
        identity.save(update_fields=["last_sign_in_at"])
    account_access.give(user, access, who=acting.user(user.get_username()))
    return user


def _identity(person: Person) -> ExternalIdentity | None:
    rows = ExternalIdentity.objects.select_related("user__account")
    return rows.filter(issuer=person.issuer, subject=person.subject).first()


def _is_so_already(user: User, person: Person, access: Access) -> bool:
    is_named_so = user.is_active and user.username == person.name
    return is_named_so and not _is_as_local(user) and granted_to(user) == access


def _is_as_local(user: User) -> bool:
    """Tells whether an account has what only local ones can have."""
    return user.is_staff or user.is_superuser or user.has_usable_password()


def _note_sign_in(identity: ExternalIdentity, now: datetime) -> None:
    # A database that takes no writes can still be read, in a session that there is.
    try:
        with transaction.atomic():
            ExternalIdentity.objects.filter(pk=identity.pk).update(last_sign_in_at=now)
    except DatabaseError as e:
        logger.warning("a sign-in is not noted: %s", e)


def _new_account(person: Person, now: datetime) -> User:
    name = person.name
    if _is_taken(name):
        raise Refused(
            f"There is an account {name} here already, which is not yours by this sign-in. Whoever "
            "administers vbsdash can rename it."
        )
    user = User(username=name)
    user.set_unusable_password()
    user.save()
    ExternalIdentity.objects.create(
        user=user, issuer=person.issuer, subject=person.subject, last_sign_in_at=now
    )
    audit.note(
        Verb.ACCOUNT_CREATE,
        ObjectKind.ACCOUNT,
        name,
        after={"issuer": person.issuer, "subject": person.subject},
        who=acting.user(name),
    )
    return user


def _take_over(user: User, name: str) -> None:
    """Follows a new name, unless somebody else has it here; and takes off what only local accounts
    can have. Writes nothing where neither is to be done.
    """
    is_renamed = user.username != name and not _is_taken(name, besides=user)
    if not is_renamed and not _is_as_local(user):
        return
    if is_renamed:
        audit.note(
            Verb.ACCOUNT_EDIT,
            ObjectKind.ACCOUNT,
            name,
            before={"name": user.username},
            after={"name": name},
            who=acting.user(name),
        )
        user.username = name
    user.is_staff = False
    user.is_superuser = False
    if user.has_usable_password():
        user.set_unusable_password()
    user.save(update_fields=["username", "is_staff", "is_superuser", "password"])
    data_changed()


def _is_taken(name: str, besides: User | None = None) -> bool:
    """Tells whether somebody has this name, in whichever capitals: they look alike."""
    others = User.objects.filter(username__iexact=name)
    if besides is not None:
        others = others.exclude(pk=besides.pk)
    return others.exists()
