"""Asks `/healthz`, then `/readyz`, and never blocks: the socket is ours and accepts before the web
part lives.
"""

import contextlib
import json
import socket
import time
from dataclasses import dataclass, field

PATIENCE_SECONDS = 5.0  # then the question is asked anew
PAUSE_SECONDS = 0.8  # between two questions


@dataclass
class Answer:
    status: int
    body: bytes


@dataclass
class Question:
    """One GET. HTTP/1.0, so that the end of the connection is the end of the answer."""

    connection: socket.socket
    asked_at: float
    said: bytes = b""

    @classmethod
    def ask(cls, address: str, port: int, host_header: str, path: str) -> "Question":
        """Raises OSError."""
        connection = socket.create_connection((address, port), timeout=1.0)
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {host_header}\r\n\r\n".encode())
        connection.setblocking(False)
        return cls(connection, time.monotonic())

    def answer(self) -> Answer | None:
        """None while it has not come whole. Raises OSError when it will not come."""
        with contextlib.suppress(BlockingIOError):
            while data := self.connection.recv(64 * 1024):
                self.said += data
            head, _, body = self.said.partition(b"\r\n\r\n")
            words = head.split()
            if len(words) < 2 or not words[1].isdigit():
                raise ConnectionError("no HTTP answer")
            return Answer(int(words[1]), body)
        if time.monotonic() - self.asked_at > PATIENCE_SECONDS:
            raise TimeoutError
        return None


@dataclass
class Readiness:
    """`missing`: what is not ready as far as is known, part and sentence.

    A lag is told but not waited for: after a night without vbsdash everything is due, and all parts
    work.
    """

    address: str
    port: int
    host_header: str  # one that ALLOWED_HOSTS lets in
    missing: dict[str, str] = field(default_factory=lambda: {"web": "does not answer"})
    _path: str = "/healthz"
    _question: Question | None = None
    _next_at: float = 0.0

    def check(self) -> bool:
        """Whether all parts are ready. Look again and again."""
        try:
            if self._question is None:
                if time.monotonic() < self._next_at:
                    return False
                self._question = Question.ask(self.address, self.port, self.host_header, self._path)
            answer = self._question.answer()
        except OSError:
            self.close()
            self.missing = {"web": f"{self._path} does not answer"}
            return False
        if answer is None:
            return False
        self.close()
        return self._weigh(answer)

    def close(self) -> None:
        if self._question:
            self._question.connection.close()
        self._question, self._next_at = None, time.monotonic() + PAUSE_SECONDS

    def _weigh(self, answer: Answer) -> bool:
        if answer.status != 200:
            self.missing = _complaints(answer) or {"web": f"{self._path} answers {answer.status}"}
            return self.missing.keys() == {"lag"}
        if self._path == "/healthz":
            self._path, self._next_at = "/readyz", 0.0
            self.missing = {"readiness": "/readyz does not answer"}
            return False
        self.missing = {}
        return True


def _complaints(answer: Answer) -> dict[str, str]:
    """The parts of a `/readyz` body that are not "ok"; empty when it holds none."""
    try:
        parts = json.loads(answer.body)["parts"]
        return {str(name): str(said) for name, said in parts.items() if said != "ok"}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
