"""What a call can be refused with; each becomes a problem (`backups/api/problem.py`)."""

from collections.abc import Iterator
from contextlib import contextmanager

from rest_framework import exceptions, status

from backups.edits.common import BadValue, Conflict, NotAllowed
from backups.shared import wrong_keys

DATABASE_RETRY_S = 10  # when it is away


class Unprocessed(exceptions.ValidationError):
    """400 with `{"field": ["sentence", …]}`."""


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE


class OriginRefused(exceptions.PermissionDenied):
    """A call by session came from another origin, or without its cookie or token."""


class TooManyWrongKeys(exceptions.Throttled):
    """An address has tried too many keys that open nothing; 429 with Retry-After."""

    def __init__(self, wait_s: int) -> None:
        # With `wait` its base would write a sentence of its own behind this one.
        super().__init__(detail=wrong_keys.sentence(wait_s))
        self.wait = wait_s


class Changed(exceptions.APIException):
    """What `If-Match` names is not there any more."""

    status_code = status.HTTP_412_PRECONDITION_FAILED


class InUse(exceptions.APIException):
    """It cannot be removed while something else names it."""

    status_code = status.HTTP_409_CONFLICT


class CloudFailed(exceptions.APIException):
    """The cloud behind the answer did not give one."""

    status_code = status.HTTP_502_BAD_GATEWAY


class DatabaseAway(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    wait = DATABASE_RETRY_S


@contextmanager
def edit_problems() -> Iterator[None]:
    """Turns what an edit raises into problems: Conflict into Changed, BadValue into Unprocessed,
    NotAllowed into a 403.
    """
    try:
        yield
    except Conflict as e:
        raise Changed(f"{e} It is at version {e.version}.") from e
    except NotAllowed as e:
        raise exceptions.PermissionDenied(str(e)) from e
    except BadValue as e:
        raise Unprocessed({e.field: [str(e)]}) from e
