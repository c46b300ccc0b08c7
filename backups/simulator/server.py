"""Sockets: HTTP/1.1 with kept-alive connections, and the faults that only a wire can have."""

import itertools
import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from backups.simulator.errors import REASONS
from backups.simulator.faults import Fault
from backups.simulator.message import Answer, Question

CHUNK = 64 * 1024
DRIPS = 100  # into how many pieces a slow answer is cut
Pieces = Iterator[tuple[bytes, float]]  # bytes, and the seconds to wait after them


class Reply(Protocol):
    """What the simulator says to one request. `done` is called just before the last byte, or when
    none will come.
    """

    answer: Answer
    fault: Fault | None

    def done(self, status: int | None) -> None: ...


class Simulation(Protocol):
    """The side of the simulator that the server sees."""

    stopping: threading.Event

    def reply(self, question: Question) -> Reply: ...
    def now(self) -> datetime: ...


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"
    _numbers = itertools.count(1)

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length) if length else b""
        reply = self.server.simulation.reply(Question.of(self.command, self.path, headers, body))
        kind = reply.fault.kind if reply.fault else ""
        try:
            if kind in ("hang", "reset") and reply.fault:
                self._say_nothing(reply, reply.fault)
            else:
                self._say(reply, kind)
        finally:
            reply.done(None)  # the client left before the end

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _serve

    def _say_nothing(self, reply: Reply, fault: Fault) -> None:
        self.close_connection = True
        if fault.kind == "hang":
            self.server.simulation.stopping.wait(3600 if fault.seconds is None else fault.seconds)
            return
        reply.done(None)
        # Lingering for 0 seconds makes the kernel send RST instead of FIN; only a real close of the
        # descriptor does it.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def _say(self, reply: Reply, kind: str) -> None:
        if kind in ("huge", "truncated"):
            self.close_connection = True
        pieces = list(self._pieces(reply, kind)) if kind != "huge" else self._pieces(reply, kind)
        last: tuple[bytes, float] | None = None
        for piece in pieces:
            if last is not None:
                self.wfile.write(last[0])
                if last[1]:
                    self.server.simulation.stopping.wait(last[1])
            last = piece
        reply.done(reply.answer.status)
        self.wfile.write(last[0] if last else b"")
        self.wfile.flush()

    def _pieces(self, reply: Reply, kind: str) -> Pieces:
        answer, fault = reply.answer, reply.fault
        body = b"" if self.command == "HEAD" else answer.body
        if kind == "huge" and fault:
            yield self._head(answer, [("Transfer-Encoding", "chunked")]), 0
            yield from _huge(fault.size)
            return
        promised = len(answer.body) + (1000 if kind == "truncated" else 0)
        head = self._head(answer, [("Content-Length", str(promised))])
        seconds = 30.0 if fault is None or fault.seconds is None else fault.seconds
        if kind == "slow_header":
            yield from _drip(head, seconds)
            yield body, 0
        elif kind == "slow_body":
            yield head, 0
            yield from _drip(body, seconds)
        else:
            yield head + body, 0

    def _head(self, answer: Answer, framing: list[tuple[str, str]]) -> bytes:
        number = f"{next(self._numbers):012x}"
        ids = {"X-Openstack-Request-Id": f"req-{number}", "X-Compute-Request-Id": f"req-{number}"}
        lines = [
            f"HTTP/1.1 {answer.status} "
            f"{REASONS.get(answer.status, 'OK' if answer.status < 300 else 'Status')}"
        ]
        fields = [
            ("Date", self.server.simulation.now().strftime("%a, %d %b %Y %H:%M:%S GMT")),
            ("Server", "vbs-simulator"),
            ("Content-Type", answer.content_type),
            *({"X-Request-Id": number} | ids | dict(answer.headers)).items(),
            *framing,
            *([("Connection", "close")] if self.close_connection else []),
        ]
        lines += [f"{name}: {value}" for name, value in fields]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):  # the client left, or the simulator stops
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed: the requests are kept as records."""


def _drip(data: bytes, seconds: float) -> Pieces:
    step = max(1, -(-len(data) // DRIPS))
    pieces = [data[at : at + step] for at in range(0, len(data), step)] or [b""]
    return ((piece, seconds / len(pieces)) for piece in pieces)


def _huge(size: int) -> Pieces:
    """One JSON object of `size` bytes in chunks."""
    begin, end = b'{"backup": {"padding": "', b'"}}'
    yield _chunk(begin), 0
    left = size - len(begin) - len(end)
    filler = _chunk(b"a" * CHUNK)
    while left > 0:
        yield (filler if left >= CHUNK else _chunk(b"a" * left)), 0
        left -= CHUNK
    yield _chunk(end) + b"0\r\n\r\n", 0


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, port: int, simulation: Simulation) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.simulation = simulation
        self._open: set[socket.socket] = set()
        self._workers: set[threading.Thread] = set()
        self._guard = threading.Lock()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        thread = threading.current_thread()
        with self._guard:
            self._open.add(request)
            self._workers.add(thread)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._guard:
                self._open.discard(request)
                self._workers.discard(thread)

    def cut(self, *, seconds: float) -> None:
        """Close every connection and wait for its thread, all together no longer than `seconds`."""
        with self._guard:
            connections, workers = list(self._open), list(self._workers)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is closed already
                continue
        for worker in workers:
            worker.join(seconds / max(1, len(workers)))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are no news; anything else is a defect of the simulator and is
        told.
        """
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)
