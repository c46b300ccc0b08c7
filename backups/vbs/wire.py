"""One GET after another over kept-alive connections, one per thread and host, each held to a
deadline and a size.

The request is prepared by hand because a whole `requests` call costs more than the rest of this
module.
"""

import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import RemoteDisconnected
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from backups.vbs.deadline import DeadlineAdapter, set_deadline
from backups.vbs.errors import Malformed, from_transport


@dataclass(frozen=True)
class Limits:
    """Of one call: seconds in all, bytes of its body."""

    seconds: float
    size: int


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes
    version: str | None  # the microversion that was asked for


class _Connection(threading.local):
    """What one thread keeps: its adapter, and whether the open connection has served before."""

    adapter: DeadlineAdapter | None = None
    served: bool = False


class Wire:
    """Of one client. `verify` as in `requests`."""

    def __init__(self, verify: bool | str) -> None:
        self._verify = verify
        self._connection = _Connection()
        self._adapters: weakref.WeakSet[DeadlineAdapter] = weakref.WeakSet()
        self._lock = threading.Lock()

    def send(self, request: requests.PreparedRequest, deadline: float, limits: Limits) -> Reply:
        """One answer, read whole. A kept connection that the server closed meanwhile is opened
        anew, once.
        """
        mine = self._connection
        adapter = mine.adapter or self._adapter()
        try:
            while True:
                kept, mine.served = mine.served, False
                try:
                    reply = self._read(adapter, request, deadline, limits)
                except requests.ConnectionError as e:
                    if not (kept and _was_closed(e)):
                        raise
                else:
                    mine.served = True
                    return reply
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as e:
            raise from_transport(e, urlsplit(str(request.url)).netloc) from e

    def close(self) -> None:
        """Close the connections of all threads; a later call opens new ones."""
        with self._lock:
            for adapter in list(self._adapters):
                adapter.close()

    def _read(
        self,
        adapter: DeadlineAdapter,
        request: requests.PreparedRequest,
        deadline: float,
        limits: Limits,
    ) -> Reply:
        timeout = set_deadline(deadline)
        response = adapter.send(request, stream=True, timeout=timeout, verify=self._verify)
        try:
            content = response.raw.read(limits.size + 1, decode_content=True)
        except BaseException:
            response.close()
            raise
        if len(content) > limits.size:
            response.close()
            raise Malformed(
                f"The answer is longer than {limits.size} bytes.", http_status=response.status_code
            )
        response.raw.release_conn()
        version = request.headers.get("OpenStack-API-Version", "").removeprefix("volume ") or None
        return Reply(response.status_code, response.headers, content, version)

    def _adapter(self) -> DeadlineAdapter:
        adapter = self._connection.adapter = DeadlineAdapter()
        with self._lock:
            self._adapters.add(adapter)
        return adapter


def _was_closed(error: requests.ConnectionError) -> bool:
    cause = error.args[0] if error.args else None
    inner = (
        cause.args[-1]
        if isinstance(cause, urllib3.exceptions.ProtocolError) and cause.args
        else None
    )
    return isinstance(inner, RemoteDisconnected | ConnectionResetError | BrokenPipeError)
