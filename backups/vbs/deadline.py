"""Connections that keep a total deadline: neither drops of bytes nor a silent server can prolong an
exchange.
"""

import io
import socket
import threading
import time
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

CONNECT_SECONDS = 4.0


class _Deadline(threading.local):
    """When the running call of this thread must have ended, in time.monotonic() seconds."""

    at: float = 0.0


_deadline = _Deadline()


def set_deadline(at: float) -> tuple[float, float]:
    """Bind this thread's next exchange to `at`; gives its connect and read timeouts in seconds."""
    _deadline.at = at
    left = max(at - time.monotonic(), 0.001)
    return min(CONNECT_SECONDS, left), left


class _DeadlineReader(io.RawIOBase):
    """Gives every read of a socket only what is left until the deadline, so that drops cannot
    prolong it.
    """

    def __init__(self, sock: socket.socket, raw: Any) -> None:
        self._sock, self._raw = sock, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _deadline.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("total deadline")
        self._sock.settimeout(left)
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
        """Close the idle connections now; the pool manager alone leaves that to the garbage
        collector.
        """
        for key in self.poolmanager.pools.keys():  # noqa: SIM118 — the container refuses to be iterated
            if (pool := self.poolmanager.pools.get(key)) is not None:
                pool.close()
        super().close()
