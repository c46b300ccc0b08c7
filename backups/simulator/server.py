"""Sockets: HTTP/1.1 with kept-alive connections, and the faults that only a wire can have."""

import itertools
import math
import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Protocol

from backups.simulator.errors import REASONS
from backups.simulator.faults import Fault
from backups.simulator.message import Answer, Question

CHUNK = 64 * 1024  # Bytes.
DRIPS = 100  # Into how many pieces a slow answer is cut.


class Piece(NamedTuple):
    """Bytes to send, and the seconds to wait after them."""

    data: bytes
    wait: float = 0


class Reply(Protocol):
    """What the simulator answers to one request. `done` is called just before the last byte, or
    when none will come.
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
        question = Question.of(
            self.command, self.path, headers, body, client=self.client_address[0]
        )
        reply = self.server.simulation.reply(question)
        kind = reply.fault.kind if reply.fault else ""
        try:
            if reply.fault is not None and kind in ("hang", "reset"):
                self._send_nothing(reply, reply.fault)
            else:
                self._send(reply, kind)
        finally:
            reply.done(None)  # Only counts when the client left before the end.

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _serve

    def _send_nothing(self, reply: Reply, fault: Fault) -> None:
        self.close_connection = True
        if fault.kind == "hang":
            self.server.simulation.stopping.wait(3600 if fault.seconds is None else fault.seconds)
            return
        reply.done(None)
        # Lingering for 0 seconds makes the kernel send RST instead of FIN; only a real close of the
        # descriptor does it.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def _send(self, reply: Reply, kind: str) -> None:
        if kind in ("huge", "truncated"):
            self.close_connection = True
        pieces = self._pieces(reply, kind)
        last = next(pieces)
        for piece in pieces:
            self.wfile.write(last.data)
            if last.wait:
                self.server.simulation.stopping.wait(last.wait)
            last = piece
        reply.done(reply.answer.status)
        self.wfile.write(last.data)
        self.wfile.flush()

    def _pieces(self, reply: Reply, kind: str) -> Iterator[Piece]:
        answer = reply.answer
        fault = reply.fault
        body = b"" if self.command == "HEAD" else answer.body
        if kind == "huge" and fault is not None:
            yield Piece(self._head(answer, "Transfer-Encoding", "chunked"))
            yield from _huge(fault.size)
            return
        promised = len(answer.body)
        if kind == "truncated":
            promised += 1000
        head = self._head(answer, "Content-Length", str(promised))
        seconds = 30.0
        if fault is not None and fault.seconds is not None:
            seconds = fault.seconds
        if kind == "slow_header":
            yield from _drip(head, seconds)
            yield Piece(body)
        elif kind == "slow_body":
            yield Piece(head)
            yield from _drip(body, seconds)
        else:
            yield Piece(head + body)

    def _head(self, answer: Answer, framing: str, value: str) -> bytes:
        """Returns status line and headers; `framing` is the header that tells
        where the body ends.
        """
        number = f"{next(self._numbers):012x}"
        request_id = f"req-00000000-0000-4000-8000-{number}"
        default_reason = "OK" if answer.status < 300 else "Status"
        reason = REASONS.get(answer.status, default_reason)
        headers = {
            "Date": self.server.simulation.now().strftime("%a, %d %b %Y %H:%M:%S GMT"),
            "Server": "vbs-simulator",
            "Content-Type": answer.content_type,
            "X-Request-Id": number,
            "X-Openstack-Request-Id": request_id,
            "X-Compute-Request-Id": request_id,
        }
        headers.update(answer.headers)
        headers[framing] = value
        if self.close_connection:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {answer.status} {reason}"]
        lines += [f"{name}: {text}" for name, text in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):  # The client left, or the simulator stops.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Prints nothing: the requests are kept as records."""


def _drip(data: bytes, seconds: float) -> Iterator[Piece]:
    """Spreads bytes over so many seconds."""
    if not data:
        yield Piece(b"", seconds)
        return
    step = math.ceil(len(data) / DRIPS)
    starts = range(0, len(data), step)
    for start in starts:
        yield Piece(data[start : start + step], seconds / len(starts))


def _huge(size: int) -> Iterator[Piece]:
    """Yields one JSON object of `size` bytes in chunks."""
    begin = b'{"backup": {"padding": "'
    end = b'"}}'
    yield Piece(_chunk(begin))
    bytes_left = size - len(begin) - len(end)
    filler = _chunk(b"a" * CHUNK)
    while bytes_left >= CHUNK:
        yield Piece(filler)
        bytes_left -= CHUNK
    if bytes_left > 0:
        yield Piece(_chunk(b"a" * bytes_left))
    yield Piece(_chunk(end) + b"0\r\n\r\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, host: str, port: int, simulation: Simulation) -> None:
        super().__init__((host, port), Handler)
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
        """Closes every connection and waits for its thread, all together
        no longer than `seconds`.
        """
        with self._guard:
            connections = list(self._open)
            workers = list(self._workers)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # It is closed already.
                continue
        for worker in workers:
            worker.join(seconds / max(1, len(workers)))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints what is a defect of the simulator; clients that hang up are no news."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)
