"""Asks the web part for `/healthz`, then for `/readyz`, without ever blocking.

The runner's socket accepts connections before the web part runs, so an answer may take long.
"""

import contextlib
import json
import socket
import time
from dataclasses import dataclass, field
from typing import NamedTuple

ANSWER_WITHIN_S = 5.0  # then the request is sent anew
CONNECT_TIMEOUT_S = 1.0
PAUSE_S = 0.8  # between two requests
# As /readyz names them; our own broker answers before. A full disk does not mend itself either.
NOT_WAITED_FOR = ("broker", "database", "disk")


class Answer(NamedTuple):
    status: int
    body: bytes


@dataclass
class PendingRequest:
    """One GET by HTTP/1.0, where the end of the connection is the end of the answer."""

    connection: socket.socket
    sent_at: float
    received: bytes = b""

    @classmethod
    def send(cls, address: str, port: int, path: str) -> "PendingRequest":
        """Raises OSError."""
        connection = socket.create_connection((address, port), timeout=CONNECT_TIMEOUT_S)
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        connection.setblocking(False)
        return cls(connection, time.monotonic())

    def answer(self) -> Answer | None:
        """Returns None until the answer is complete. Raises OSError when it will not come."""
        with contextlib.suppress(BlockingIOError):
            while data := self.connection.recv(64 * 1024):
                self.received += data
            return self._parsed()
        if time.monotonic() - self.sent_at > ANSWER_WITHIN_S:
            raise TimeoutError
        return None

    def _parsed(self) -> Answer:
        head, _, body = self.received.partition(b"\r\n\r\n")
        fields = head.split()
        if len(fields) < 2 or not fields[1].isdigit():
            raise ConnectionError("no HTTP answer")
        return Answer(int(fields[1]), body)


@dataclass
class Readiness:
    """Whether all parts are ready, as far as that is waited for.

    A lag is only reported: after a night without vbsdash everything is due, while all parts work.
    So are a broker and a database that cannot be used, and a disk that is full: whoever runs them
    has to be told now.
    """

    address: str
    port: int
    # The parts that are not ready, as far as is known, each with a sentence.
    missing: dict[str, str] = field(default_factory=lambda: {"web": "does not answer"})
    _path: str = "/healthz"
    _request: PendingRequest | None = None
    _next_at: float = 0.0

    def check(self) -> bool:
        """Returns whether all parts are ready; to be called again and again until then."""
        try:
            if self._request is None:
                if time.monotonic() < self._next_at:
                    return False
                self._request = PendingRequest.send(self.address, self.port, self._path)
            answer = self._request.answer()
        except OSError:
            self.close()
            self.missing = {"web": f"{self._path} does not answer"}
            return False
        if answer is None:
            return False
        self.close()
        return self._is_ready_by(answer)

    def close(self) -> None:
        if self._request:
            self._request.connection.close()
        self._request = None
        self._next_at = time.monotonic() + PAUSE_S

    def _is_ready_by(self, answer: Answer) -> bool:
        if answer.status != 200:
            self.missing = _complaints(answer) or {"web": f"{self._path} answers {answer.status}"}
            is_for_people = not self.missing.keys().isdisjoint(NOT_WAITED_FOR)
            return is_for_people or self.missing.keys() == {"lag"}
        if self._path == "/healthz":
            self._path = "/readyz"
            self._next_at = 0.0
            self.missing = {"readiness": "/readyz does not answer"}
            return False
        self.missing = {}
        return True


def _complaints(answer: Answer) -> dict[str, str]:
    """Returns the parts of a `/readyz` body that are not "ok"; none when it is another body."""
    try:
        parts = json.loads(answer.body)["parts"]
        return {str(name): str(state) for name, state in parts.items() if state != "ok"}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
