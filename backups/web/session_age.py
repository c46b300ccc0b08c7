"""How long a session lasts: until nobody uses it any more, and never longer than so many days."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.db import DatabaseError, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from backups.web.middleware import GetResponse

logger = logging.getLogger(__name__)
SIGNED_IN_AT = "signed_in_at"
# Using a session is written at most this often.
STEP = timedelta(minutes=10)


class SessionAgeMiddleware:
    """Moves the end of a session that is used. The database gives none back that has ended,
    whatever the browser's cookie says.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        # Whoever has not looked into the session has not used it: a token, or a probe. Whoever got
        # an error may have found no database, which would only be waited for again.
        if request.session.accessed and response.status_code < 500:
            _prolong(request.session, timezone.now())
        return response


def begin(session: SessionBase, now: datetime) -> None:
    session[SIGNED_IN_AT] = now.isoformat()
    session.set_expiry(now + settings.SESSION_IDLE)


def _prolong(session: SessionBase, now: datetime) -> None:
    signed_in_at = session.get(SIGNED_IN_AT)
    if signed_in_at is None:
        return
    longest = datetime.fromisoformat(signed_in_at) + settings.SESSION_LONGEST
    end = min(longest, now + settings.SESSION_IDLE)
    if end - session.get_expiry_date() < STEP:
        return
    session.set_expiry(end)
    # Django would answer 500 where this cannot be written. A database that takes no writes can
    # still be read, and a session that somebody ends at this very moment is none to prolong.
    try:
        with transaction.atomic():
            session.save()
    except (DatabaseError, UpdateError) as e:
        logger.warning("the use of a session is not noted: %s", e)
        session.modified = False
