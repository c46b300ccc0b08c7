"""Connections, direct or through a proxy, that keep a total deadline: neither drops of bytes nor a
silent server can prolong an exchange.
"""

import io
import re
import socket
import ssl
import threading
import time
from http.client import HTTPException, HTTPResponse
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from backups.vbs.proxies import DIRECT, Proxies, headers_of
from backups.vbs.tls import context_for
from backups.vbs.transport_errors import ProxyRefusal, is_of_proxy

CONNECT_SECONDS = 4.0


class _Deadline(threading.local):
    """When the running call of this thread must have ended, in time.monotonic() seconds."""

    at: float = 0.0


_deadline = _Deadline()


class Timeouts(NamedTuple):
    """Seconds, in the order in which `requests` takes them."""

    connect: float
    read: float


def set_deadline(at: float) -> Timeouts:
    """Binds this thread's next exchange to `at`, in time.monotonic()
    seconds; returns its timeouts.
    """
    _deadline.at = at
    seconds_left = max(at - time.monotonic(), 0.001)
    return Timeouts(min(CONNECT_SECONDS, seconds_left), seconds_left)


class DeadlineReader(io.RawIOBase):
    """Gives every read of a socket only what is left until the deadline, so that
    drops cannot prolong it.
    """

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        seconds_left = _deadline.at - time.monotonic()
        if seconds_left <= 0:
            raise TimeoutError("total deadline")
        self._sock.settimeout(seconds_left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(DeadlineReader(sock, self.fp.detach()))


class _Connection(HTTPConnection):
    """Remembers, once it is closed too, that it reached the proxy: urllib3 forgets, and takes a
    server that hangs up for a proxy that cannot be reached.
    """

    response_class = _DeadlineResponse
    _was_connected = False

    def connect(self) -> None:
        self._was_connected = False
        super().connect()
        self._was_connected = True

    @property
    def has_connected_to_proxy(self) -> bool:
        return self._was_connected or super().has_connected_to_proxy


class TlsConnection(_Connection, HTTPSConnection):
    def _tunnel(self) -> None:
        """Asks a proxy for a tunnel; what goes wrong then is the proxy's, or behind it."""
        try:
            super()._tunnel()
        except (OSError, HTTPException) as e:
            status = re.match(r"Tunnel connection failed: (\d+)", str(e))
            raise ProxyRefusal(int(status[1]) if status else None) from e


class _DeadlineTlsSocket(ssl.SSLSocket):
    """The connection with a proxy that is spoken to by TLS: the handshake with the host behind it
    reads from here, piece by piece.
    """

    def recv(self, *args: Any, **kwargs: Any) -> bytes:
        seconds_left = _deadline.at - time.monotonic()
        if seconds_left <= 0:
            raise TimeoutError("total deadline")
        self.settimeout(seconds_left)
        return super().recv(*args, **kwargs)


def proxy_context(verify: bool | str) -> ssl.SSLContext:
    """Returns the context of the connection with a proxy; `verify` as in CloudConfig."""
    context = context_for(verify)
    context.sslsocket_class = _DeadlineTlsSocket
    return context


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = TlsConnection


_POOLS = {"http": _PlainPool, "https": _TlsPool}


class DeadlineAdapter(HTTPAdapter):
    """Keeps one connection alive per host, or per proxy, and holds each exchange to set_deadline().
    `verify` as in CloudConfig; here it is for a proxy that is spoken to by TLS.
    """

    def __init__(self, proxies: Proxies = DIRECT, verify: bool | str = True) -> None:
        self._proxies = proxies
        self._verify = verify
        super().__init__(pool_connections=2, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Sends through the proxy that is configured for the address, whatever `proxies` says."""
        url = str(request.url)
        proxy = self._proxies.for_url(url)
        kwargs["proxies"] = {"all": proxy.url} if proxy is not None else {}
        response = super().send(request, *args, **kwargs)
        forwarder = self._proxies.forwarder_for(url)
        status = response.status_code
        if forwarder is not None and is_of_proxy(status, response.headers, forwarder):
            response.close()
            raise requests.exceptions.ProxyError(ProxyRefusal(status), request=request)
        return response

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        if proxy not in self.proxy_manager and proxy.startswith("https:"):
            # Without it nobody would check the certificate of a proxy for plain http.
            kwargs["proxy_ssl_context"] = proxy_context(self._verify)
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        return headers_of(proxy)

    def close(self) -> None:
        """Closes the idle connections now; the pool managers alone leave that
        to the garbage collector.
        """
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            pools = manager.pools
            for key in pools.keys():  # noqa: SIM118 — the container refuses to be iterated
                pool = pools.get(key)
                if pool is not None:
                    pool.close()
        super().close()
