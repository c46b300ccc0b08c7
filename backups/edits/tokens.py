"""API tokens: made, listed, revoked, recognised. A key is shown once; only its hash is kept."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, transaction

from backups.clouds.registry import configured
from backups.models import Access, ApiToken, ExternalIdentity, ObjectKind, Verb
from backups.models.token import BEGINNING_LENGTH, NAME_LENGTH, digest, new_key
from backups.shared import audit
from backups.shared.access import granted_to

logger = logging.getLogger(__name__)

MOST_DAYS = 36_500
MOST_TOKENS = 100  # usable ones of one user: more is a script that makes one for each run
USED_STEP = timedelta(minutes=1)  # "last used" is written at most this often

State = Literal["usable", "expired", "revoked"]


class BadToken(ValueError):
    """What a new token cannot be; `field` is name, days or clouds, the text a
    sentence for a person.
    """

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class UnknownToken(LookupError):
    """The account never had a token of this number."""


class AlreadyMade(Exception):
    """The form that was sent has made a token before; its key is not to be had again."""


class Refused(Exception):
    """A key that opens nothing; the text says why to whoever holds it. `account` is the name of
    its owner where it was a key once.
    """

    def __init__(self, sentence: str, *, account: str = "") -> None:
        super().__init__(sentence)
        self.account = account


@dataclass(frozen=True)
class TokenState:
    """A token as its owner sees it; `clouds` is empty when it opens all of them. `beginning` is
    that of its key; empty where it is not known.
    """

    id: int
    name: str
    beginning: str
    read_only: bool
    clouds: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    state: State


@dataclass(frozen=True)
class Created:
    """`key` is in no database and cannot be had a second time."""

    key: str
    token: TokenState


def create(
    *,
    user: User,
    name: str = "",
    read_only: bool = False,
    days: int | None = None,
    clouds: Sequence[str] = (),
    form_id: str | None = None,
    now: datetime,
) -> Created:
    """Makes a token of `user`, for `days` days or until it is revoked. Raises BadToken, and
    AlreadyMade where a form of this ID, which is the user's own, has made one.
    """
    name = " ".join(name.replace("\x00", "").split())
    clouds = sorted(set(clouds))
    if len(name) > NAME_LENGTH:
        raise BadToken("name", f"A name has at most {NAME_LENGTH} characters.")
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise BadToken(
            "days", f"Write a number of days from 1 to {MOST_DAYS}, or nothing for no end."
        )
    _check_clouds(clouds, granted_to(user))
    usable = [token for token in tokens_of(user, now) if token.state == "usable"]
    if len(usable) >= MOST_TOKENS:
        raise BadToken(
            "name", f"{user} has {MOST_TOKENS} tokens in use already: revoke some first."
        )
    key = new_key()
    row = ApiToken(
        user=user,
        name=name,
        hashed=digest(key),
        beginning=key[:BEGINNING_LENGTH],
        read_only=read_only,
        form_id=form_id,
        clouds=clouds,
        created_at=now,
        expires_at=now + timedelta(days=days) if days else None,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            audit.note(Verb.TOKEN_CREATE, ObjectKind.TOKEN, row.pk, after=_told(row), at=now)
    except IntegrityError as e:
        # Of two clicks at once the database lets one through.
        if form_id is not None and ApiToken.objects.filter(form_id=form_id).exists():
            raise AlreadyMade from e
        raise
    return Created(key, _token_state(row, now))


def created_again(*, user: User, token_id: int, key: str, now: datetime) -> Created | None:
    """Returns a token of this user with the key that it was made with, for who has that still; None
    for any other key, and for a token that is in use no more.
    """
    row = ApiToken.objects.filter(pk=token_id, user=user, hashed=digest(key)).first()
    if row is None:
        return None
    token = _token_state(row, now)
    return Created(key, token) if token.state == "usable" else None


def tokens_of(user: User, now: datetime) -> list[TokenState]:
    """Returns every token the user ever had, the newest first."""
    rows = ApiToken.objects.filter(user=user).order_by("-created_at", "-pk")
    return [_token_state(row, now) for row in rows]


def revoke(*, user: User, token_id: int, now: datetime) -> bool:
    """Ends a token of this user at once; False when there is none, or it was revoked before."""
    valid = ApiToken.objects.filter(user=user, pk=token_id, revoked_at=None)
    with transaction.atomic():
        row = valid.select_for_update(of=("self",), no_key=True).first()
        if row is None:
            return False
        valid.update(revoked_at=now)
        audit.note(Verb.TOKEN_REVOKE, ObjectKind.TOKEN, token_id, before=_told(row), at=now)
    return True


def is_of(user: User, token_id: int) -> bool:
    """Tells whether the user ever had a token of this number."""
    return ApiToken.objects.filter(user=user, pk=token_id).exists()


def is_of_token(authorization: str) -> bool:
    """Tells whether it is the header of a token, a good one or not; Basic is none."""
    parts = authorization.split()
    return bool(parts) and parts[0].lower() in ("token", "bearer")


def key_of(authorization: str) -> str | None:
    """Returns the key in `Token KEY` or `Bearer KEY`, None for another way to
    sign in. Raises Refused.
    """
    if not is_of_token(authorization):
        return None
    parts = authorization.split()
    if len(parts) != 2:
        raise Refused("Write: Authorization: Token KEY.")
    return parts[1]


def recognise(key: str, now: datetime) -> ApiToken:
    """Returns the usable token of `key` with its user, and notes the use. Raises Refused."""
    rows = ApiToken.objects.select_related("user__account", "user__external_identity")
    token = rows.filter(hashed=digest(key)).first()
    if token is None:
        raise Refused("This token is not known.")
    account = token.user.get_username()
    if token.revoked_at is not None:
        raise Refused(
            f"This token was revoked at {token.revoked_at:%Y-%m-%d %H:%M} UTC.", account=account
        )
    if token.expires_at is not None and token.expires_at <= now:
        raise Refused(
            f"This token ran out at {token.expires_at:%Y-%m-%d %H:%M} UTC.", account=account
        )
    if not token.user.is_active:
        raise Refused("The account of this token is switched off.", account=account)
    if _has_outlived_sign_in(token.user, now):
        raise Refused(
            "The owner of this token has not signed in for too long: a sign-in wakes it.",
            account=account,
        )
    if token.last_used_at is None or now - token.last_used_at > USED_STEP:
        _note_use(token, now)
    return token


def _told(row: ApiToken) -> dict[str, object]:
    """Returns what the record of who did what tells of a token; nothing of it opens anything."""
    told: dict[str, object] = {
        "account": row.user.get_username(),
        "name": row.name,
        "beginning": row.beginning,
        "read_only": row.read_only,
        "clouds": row.clouds or "all",
    }
    if row.expires_at is not None:
        told["expires_at"] = row.expires_at
    return told


def _has_outlived_sign_in(user: User, now: datetime) -> bool:
    """Tells whether somebody who signs in elsewhere stays away, and may have left."""
    kept: timedelta | None = settings.EXTERNAL_TOKENS_KEPT
    identity: ExternalIdentity | None = getattr(user, "external_identity", None)
    if kept is None or identity is None:
        return False
    return now - identity.last_sign_in_at > kept


def _note_use(token: ApiToken, now: datetime) -> None:
    # A database that takes no writes can still be read, and by this reader.
    try:
        with transaction.atomic():
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    except DatabaseError as e:
        logger.warning("the use of a token is not noted: %s", e)


def _check_clouds(names: Sequence[str], access: Access) -> None:
    """Refuses a cloud that is not open to the owner as one that there is not."""
    clouds = [name for name in configured() if access.opens(name)]
    for name in names:
        if name not in clouds:
            known_names = ", ".join(sorted(clouds)) or "none"
            sentence = f"“{name[:80]}” is no configured cloud. Configured: {known_names}."
            if access.clouds is not None:
                sentence = f"“{name[:80]}” is no cloud that is open to you. Open: {known_names}."
            raise BadToken("clouds", sentence)


def _token_state(row: ApiToken, now: datetime) -> TokenState:
    state: State = "usable"
    if row.revoked_at is not None:
        state = "revoked"
    elif row.expires_at is not None and row.expires_at <= now:
        state = "expired"
    return TokenState(
        id=row.pk,
        name=row.name,
        beginning=row.beginning,
        read_only=row.read_only,
        clouds=tuple(row.clouds),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        state=state,
    )
