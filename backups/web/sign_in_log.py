"""One line of the log and one row of the record of who did what for each sign-in, each refusal and
each sign-out: whose, and with `client` and `request_id`, which every line of a request has.
Passwords are not even looked at.

They are no warnings, of which equal ones are left out: each of these counts.
"""

import logging
from collections.abc import Mapping

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from backups.models import ObjectKind, Outcome, Verb
from backups.reports.sign_ins import known_account
from backups.shared import acting, audit
from backups.shared.refusal import printable
from backups.web import session_age
from backups.web.signin import is_locked_out

logger = logging.getLogger(__name__)
LONGEST_NAME_LOGGED = 100  # characters


def fields(name: object) -> dict[str, str]:
    """Returns what a line tells beside its event; anybody may have written the name."""
    return {"account": printable(str(name or ""), LONGEST_NAME_LOGGED)}


def refused(name: object, why: str) -> None:
    """Notes a sign-in elsewhere that is not let in here; `name` as far as it is known."""
    logger.info("sign-in refused: %s", why, extra=fields(name))
    account, sentence = account_and_sentence({"username": name}, why)
    audit.note_refusal(
        Verb.SESSION_REFUSED,
        ObjectKind.SESSION,
        account,
        client=acting.where().client,
        sentence=sentence,
    )


@receiver(user_logged_in)
def _note_sign_in(request: HttpRequest, user: User, **_: object) -> None:
    session_age.begin(request.session, timezone.now())
    name = user.get_username()
    logger.info("signed in", extra=fields(name))
    audit.note(Verb.SESSION_BEGIN, ObjectKind.SESSION, name, who=acting.user(name))


@receiver(user_logged_out)
def _note_sign_out(request: HttpRequest, user: User | None, **_: object) -> None:
    if user is not None:
        name = user.get_username()
        logger.info("signed out", extra=fields(name))
        audit.note(Verb.SESSION_END, ObjectKind.SESSION, name, who=acting.user(name))


@receiver(user_login_failed)
def _note_refusal(
    credentials: Mapping[str, object], request: HttpRequest | None = None, **_: object
) -> None:
    why = "wrong name or password, or the account is switched off"
    is_paused = request is not None and is_locked_out(request)
    if is_paused:
        why = "too many wrong passwords from there, which has to wait"
    logger.info("sign-in refused: %s", why, extra=fields(credentials.get("username")))
    if not is_paused:
        # Of these there are twenty from one place, then it is paused.
        account, sentence = account_and_sentence(credentials, f"{why.capitalize()}.")
        audit.note(
            Verb.SESSION_REFUSED,
            ObjectKind.SESSION,
            account,
            outcome=Outcome.REFUSED,
            sentence=sentence,
        )


@receiver(post_save, sender=LogEntry)
def _note_administration(instance: LogEntry, **_: object) -> None:
    """Receives what Django's own administration notes of itself: names of fields, and no values."""
    audit.note(
        Verb.ADMINISTRATION,
        ObjectKind.PAGE,
        f"{instance.content_type} {instance.object_id}",
        sentence=str(instance),
    )


def account_and_sentence(credentials: Mapping[str, object], sentence: str) -> tuple[str, str]:
    """Returns the account whose name was tried, and what is noted beside it. A name that no account
    has is kept nowhere for long: people type passwords into the wrong field.
    """
    account = known_account(str(credentials.get("username") or ""))
    return account, sentence if account else f"{sentence} No account has the name that was tried."
