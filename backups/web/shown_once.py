"""The key of a new token on its way to the page that shows it once, after a redirect.

It travels in a cookie of the browser that made it, which the next page takes away: so it is in no
session and in no database, and in no address. The cookie is signed, so that nobody else can give a
browser a key to show.
"""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse

from backups.edits import tokens
from backups.edits.tokens import Created

SALT = "vbsdash.new_token"
LASTS_S = 60  # far longer than a redirect takes
# As safe as the session's by its prefix, and of this installation by its end.
COOKIE = settings.SESSION_COOKIE_NAME.replace("session", "new_token")


def carry(response: HttpResponse, created: Created) -> HttpResponse:
    """Gives the browser a key for the one page that comes next."""
    response.set_signed_cookie(
        COOKIE,
        f"{created.token.id}:{created.key}",
        salt=SALT,
        max_age=LASTS_S,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite=settings.SESSION_COOKIE_SAMESITE,
    )
    return response


def carried(request: HttpRequest, user: User, now: datetime) -> Created | None:
    """Returns what a page is to show once: a token of this user, in use, that was just made."""
    try:
        value = request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=LASTS_S)
    except BadSignature:
        return None
    token_id, _, key = (value or "").partition(":")
    if not token_id.isdecimal():
        return None
    return tokens.created_again(user=user, token_id=int(token_id), key=key, now=now)


def put_down(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Takes the cookie away, where there is one."""
    if COOKIE in request.COOKIES:
        response.delete_cookie(
            COOKIE, path=settings.SESSION_COOKIE_PATH, samesite=settings.SESSION_COOKIE_SAMESITE
        )
    return response
