"""The IDs by which a call is found in the logs of a cloud: ours, which goes along, and the cloud's.

A caller's own ID goes as `X-Openstack-Request-Id: req-UUID`; services of OpenStack log it as the
global request ID beside the one that they give themselves, and leave out what has another form.
The names of the headers of an answer: backups/vbs/API.md §8.1.
"""

from collections.abc import Mapping
from typing import Final
from uuid import uuid4

HEADER: Final = "X-Openstack-Request-Id"
# The service's own before that of a gateway in front of it.
_OF_ANSWERS = (HEADER, "X-Compute-Request-Id", "X-Request-Id", "X-IAM-Trace-Id")
PATTERN: Final = "req-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def new_id() -> str:
    return f"req-{uuid4()}"


def id_in(headers: Mapping[str, str]) -> str | None:
    """Returns the ID that an answer names first, as it came."""
    for name in _OF_ANSWERS:
        text = headers.get(name)
        if text:
            return text
    return None
