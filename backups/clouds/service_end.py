"""When the backup service of a cloud counts as ended: a state of the cloud, in which its backups
are kept as they were and nothing of them is healthy.

One absence proves nothing. The service has ended when the catalog lacks it in two answers ten
minutes apart, or when for a day its address does not exist (404 and 410 of a gateway, or a name
that is not resolved while sign-ins go well) and nothing else was answered. A good answer takes it
back.
"""

from datetime import datetime, timedelta

from backups.models import Cloud
from backups.vbs.errors import NameUnknown, ServiceMissing, VBSError, WrongAddress

MISSING_FOR = timedelta(minutes=10)  # in the catalog
AWAY_FOR = timedelta(hours=24)  # at its address
# A service that has ended is asked so often whether it is back.
ASK_EVERY = timedelta(hours=1)
_NO_SUCH_PLACE = (404, 410)


def note(cloud: Cloud, error: VBSError | None, asked_at: datetime, *, is_good: bool) -> None:
    """Sets on the row what one call tells. A cloud that never answered has a wrong setting instead.

    A call that came to no answer says neither that the service is there nor that it is not.
    """
    if is_good:
        cloud.service_missing_since = None
        cloud.address_missing_since = None
        cloud.service_ended_at = None
        return
    if cloud.last_good_at is None or error is None:
        return
    if isinstance(error, ServiceMissing):
        cloud.service_missing_since = cloud.service_missing_since or asked_at
        _note_end(cloud, cloud.service_missing_since, MISSING_FOR, asked_at)
    elif _says_no_such_place(cloud, error):
        cloud.address_missing_since = cloud.address_missing_since or asked_at
        _note_end(cloud, cloud.address_missing_since, AWAY_FOR, asked_at)
    elif error.http_status is not None:
        # Somebody answered there.
        cloud.address_missing_since = None


def _note_end(cloud: Cloud, since: datetime, confirmed_after: timedelta, now: datetime) -> None:
    if cloud.service_ended_at is None and since <= now - confirmed_after:
        cloud.service_ended_at = since


def _says_no_such_place(cloud: Cloud, error: VBSError) -> bool:
    if isinstance(error, WrongAddress):
        return error.http_status in _NO_SUCH_PLACE
    if isinstance(error, NameUnknown):
        # With our own resolver away, no sign-in goes well either.
        since = cloud.address_missing_since
        return since is None or (cloud.signed_in_at is not None and cloud.signed_in_at > since)
    return False


def is_to_be_left_alone(cloud: Cloud, now: datetime) -> bool:
    """Has its service ended, and was it asked lately whether it is back?"""
    if cloud.service_ended_at is None or cloud.attempted_at is None:
        return False
    return cloud.attempted_at > now - ASK_EVERY
