"""One line of the log for each sign-in, each refusal and each sign-out: whose, and with `client`
and `request_id`, which every line of a request has. Passwords are not even looked at.

They are no warnings, of which equal ones are left out: each of these counts.
"""

import logging
from collections.abc import Mapping

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

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


@receiver(user_logged_in)
def _note_sign_in(request: HttpRequest, user: User, **_: object) -> None:
    session_age.begin(request.session, timezone.now())
    logger.info("signed in", extra=fields(user.get_username()))


@receiver(user_logged_out)
def _note_sign_out(request: HttpRequest, user: User | None, **_: object) -> None:
    if user is not None:
        logger.info("signed out", extra=fields(user.get_username()))


@receiver(user_login_failed)
def _note_refusal(
    credentials: Mapping[str, object], request: HttpRequest | None = None, **_: object
) -> None:
    why = "wrong name or password, or the account is switched off"
    if request is not None and is_locked_out(request):
        why = "too many wrong passwords from there, which has to wait"
    logger.info("sign-in refused: %s", why, extra=fields(credentials.get("username")))
