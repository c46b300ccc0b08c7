"""What a call can be refused with; each becomes a problem (`backups/api/problem.py`)."""

from rest_framework import exceptions, status

DATABASE_RETRY_S = 10  # when it is away


class Unprocessed(exceptions.ValidationError):
    """400 with `{"field": ["sentence", …]}`."""


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE


class Changed(exceptions.APIException):
    """What `If-Match` names is not there any more."""

    status_code = status.HTTP_412_PRECONDITION_FAILED


class CloudFailed(exceptions.APIException):
    """The cloud behind the answer did not give one."""

    status_code = status.HTTP_502_BAD_GATEWAY


class DatabaseAway(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    wait = DATABASE_RETRY_S
