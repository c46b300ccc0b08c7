"""Kept-alive connections for GETs, one per thread and host, each GET held to a deadline and a size.

The request is prepared by hand because a whole `requests` call costs more than the
rest of this module.
"""

import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import RemoteDisconnected
from urllib.parse import urlsplit

import requests
import urllib3
import urllib3.exceptions

from backups.vbs.cloud_config import CloudConfig
from backups.vbs.deadline import DeadlineAdapter, set_deadline
from backups.vbs.errors import Malformed, request_id_of
from backups.vbs.transport_errors import from_transport


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
    microversion: str | None  # The one that was asked for.


class _ThreadConnection(threading.local):
    """What one thread keeps: its adapter, and whether the open connection has served before."""

    adapter: DeadlineAdapter | None = None
    has_served: bool = False


class Connections:
    """The connections of one client, direct or through a proxy, as its configuration says."""

    def __init__(self, config: CloudConfig) -> None:
        self._verify = config.verify
        self._cert = config.cert
        self._proxies = config.proxies
        self._of_thread = _ThreadConnection()
        self._adapters: weakref.WeakSet[DeadlineAdapter] = weakref.WeakSet()
        self._lock = threading.Lock()
        if config.verify is False:
            # The operator has said so: no warning with each call.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def send(self, request: requests.PreparedRequest, deadline: float, limits: Limits) -> Reply:
        """Returns one answer, read whole. A kept connection that the server closed meanwhile is
        opened anew, once.
        """
        try:
            return self._send(request, deadline, limits)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as e:
            url = str(request.url)
            raise from_transport(e, urlsplit(url).netloc, self._proxies.for_url(url)) from e

    def close(self) -> None:
        """Closes the connections of all threads; a later call opens new ones."""
        with self._lock:
            for adapter in list(self._adapters):
                adapter.close()

    def _send(self, request: requests.PreparedRequest, deadline: float, limits: Limits) -> Reply:
        connection = self._of_thread
        adapter = connection.adapter or self._new_adapter()
        was_kept_alive = connection.has_served
        connection.has_served = False
        try:
            reply = self._read(adapter, request, deadline, limits)
        except requests.ConnectionError as e:
            if not (was_kept_alive and _was_closed(e)):
                raise
            reply = self._read(adapter, request, deadline, limits)
        connection.has_served = True
        return reply

    def _read(
        self,
        adapter: DeadlineAdapter,
        request: requests.PreparedRequest,
        deadline: float,
        limits: Limits,
    ) -> Reply:
        timeout = set_deadline(deadline)
        response = adapter.send(
            request, stream=True, timeout=timeout, verify=self._verify, cert=self._cert
        )
        try:
            content = response.raw.read(limits.size + 1, decode_content=True)
        except BaseException:
            response.close()
            raise
        if len(content) > limits.size:
            response.close()
            raise Malformed(
                f"The answer is longer than {limits.size} bytes.",
                http_status=response.status_code,
                request_id=request_id_of(response.headers),
            )
        response.raw.release_conn()
        version = request.headers.get("OpenStack-API-Version", "").removeprefix("volume ")
        return Reply(response.status_code, response.headers, content, version or None)

    def _new_adapter(self) -> DeadlineAdapter:
        adapter = DeadlineAdapter(self._proxies, self._verify)
        self._of_thread.adapter = adapter
        with self._lock:
            self._adapters.add(adapter)
        return adapter


def _was_closed(error: requests.ConnectionError) -> bool:
    """Did the server hang up? The cause is the last argument of the first argument."""
    wrapped = error.args[0] if error.args else None
    if not isinstance(wrapped, urllib3.exceptions.ProtocolError) or not wrapped.args:
        return False
    return isinstance(wrapped.args[-1], RemoteDisconnected | ConnectionResetError | BrokenPipeError)
