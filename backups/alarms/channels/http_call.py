"""One call of HTTP to a far side that may be slow, huge or silent: bounded in time and size, no
redirect followed, nothing of its answer read but the status and when to come again.
"""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import requests
import urllib3.exceptions

from backups.alarms.channels.channel import Answer
from backups.alarms.channels.failures import sentence_of
from backups.alarms.channels.far_side import FarSide
from backups.vbs.deadline import DeadlineAdapter, set_deadline
from backups.vbs.errors import VBSError

USER_AGENT: Final = "vbsdash"
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, VBSError, OSError, ValueError)


def call(
    far_side: FarSide,
    method: str,
    *,
    seconds: float,
    now: datetime,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Makes one call of at most `seconds` in all. Delivered is what is answered by a status of
    2xx.
    """
    place = far_side.place
    adapter = DeadlineAdapter(far_side.proxies, far_side.verify)
    timeout = set_deadline(time.monotonic() + seconds)
    try:
        request = requests.Request(
            method, far_side.url, data=body, headers={"User-Agent": USER_AGENT, **(headers or {})}
        ).prepare()
        response = adapter.send(request, stream=True, timeout=timeout, verify=far_side.verify)
        # It is taken or refused by now. The rest may drip, be huge or hold what nobody asked for:
        # it is not read.
        response.close()
    except VBSError as e:
        return Answer(is_delivered=False, sentence=str(e))
    except _FAILURES as e:
        proxy = far_side.proxies.for_url(far_side.url)
        return Answer(is_delivered=False, sentence=sentence_of(e, place, proxy))
    finally:
        adapter.close()
    return _answer(place, response.status_code, response.headers, now)


def _answer(place: str, status: int, headers: Mapping[str, str], now: datetime) -> Answer:
    said = f"{place} answered HTTP {status}"
    if 200 <= status < 300:
        return Answer(is_delivered=True, sentence=f"{said}.", http_status=status)
    if 300 <= status < 400:
        said += (
            ", a redirect, which is not followed: write the address that it leads to into "
            "channels.yaml"
        )
    return Answer(
        is_delivered=False,
        sentence=f"{said}.",
        http_status=status,
        retry_after=retry_after(headers.get("Retry-After", ""), now),
    )


def retry_after(text: str, now: datetime) -> timedelta | None:
    """Returns how long to wait by a header of seconds or a date; None where it says neither."""
    if re.fullmatch("[0-9]{1,9}", text.strip()):
        return timedelta(seconds=int(text))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(at - now, timedelta(0))
