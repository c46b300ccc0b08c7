"""The shape `error` of the JSON API, as it is stored with a cloud or a backup.

`request_id` is the cloud's own ID of the failed call, for which its support asks; errors that were
stored by older versions lack it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from backups.vbs.errors import VBSError


def described(
    error: VBSError, now: datetime, *, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Returns the shape `error` of the JSON API; `since` stays as in `before` when that was
    of the same class.
    """
    since = now.isoformat().replace("+00:00", "Z")
    if before is not None and before["class"] == error.class_name:
        since = before["since"]
    return {
        "class": error.class_name,
        "http_status": error.http_status,
        "code": error.code,
        "message": error.message,
        "request_id": error.request_id,
        "since": since,
    }
