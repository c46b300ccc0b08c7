"""Connections that keep a total deadline: neither drops of bytes nor a silent server
can prolong an exchange.
"""

import io
import socket
import threading
import time
from http.client import HTTPResponse
from typing import Any, NamedTuple

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

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


class _DeadlineReader(io.RawIOBase):
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
        self.fp = io.BufferedReader(_DeadlineReader(sock, self.fp.detach()))


class _Plain(HTTPConnection):
    response_class = _DeadlineResponse


class _Tls(HTTPSConnection):
    response_class = _DeadlineResponse


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


_POOLS = {"http": _PlainPool, "https": _TlsPool}


class DeadlineAdapter(HTTPAdapter):
    """Keeps one connection alive per host and holds each exchange to set_deadline()."""

    def __init__(self) -> None:
        super().__init__(pool_connections=2, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def close(self) -> None:
        """Closes the idle connections now; the pool manager alone leaves that
        to the garbage collector.
        """
        pools = self.poolmanager.pools
        for key in pools.keys():  # noqa: SIM118 — the container refuses to be iterated
            pool = pools.get(key)
            if pool is not None:
                pool.close()
        super().close()
