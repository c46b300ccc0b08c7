"""gunicorn's worker that slow clients cannot hold: one loop reads requests and sends answers, and a
thread is only busy with a request that has come whole, until its answer is made.

waitress reads and sends; gunicorn starts, watches and stops the processes. Of gunicorn's options
these count here: bind, workers, threads, keep-alive, graceful-timeout, timeout, worker-connections.
"""

import logging
import os
import resource
import socket
import time
from dataclasses import dataclass
from types import FrameType

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher

# Of a request's head; the address of a list holds its whole state and may have 8 KB of it.
MOST_HEAD_BYTES = 32 * 1024
# Of its body. That is above what Django takes, which says in a sentence that it is too much.
MOST_BODY_BYTES = 8 * 2**20
# What is more than that waits in a file without a name, in the folder for temporary files.
MOST_BYTES_IN_MEMORY = 256 * 1024
# A thread that makes a longer answer waits for its client.
MOST_ANSWER_BYTES = 256 * 2**20
CHECK_EVERY_S = 1.0
OPEN_FILES = 8192


@dataclass(frozen=True)
class Limits:
    """For how long clients may let wait, in seconds, and what they may hold meanwhile."""

    # From the first byte of a request to the end of its head, and to the end of its body.
    head_s: float = 20.0
    body_s: float = 120.0
    # From the first byte that a client does not take at once until it has taken all.
    answer_s: float = 600.0
    # Bodies and answers of all connections together, in memory and files.
    held_bytes: int = 2**30


log = logging.getLogger(__name__)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that knows what of its client it waits for, and since when.

    Times are of `time.monotonic`.
    """

    waited_s = 0.0
    _awaited: object = None
    _awaited_since = 0.0
    _has_served = False

    def service(self) -> None:
        self._has_served = True
        super().service()

    @property
    def is_done(self) -> bool:
        """Returns whether nothing of it is under way. A thread that ends has written before its
        request is gone, so that is looked at first.
        """
        return not self.requests and self.request is None and not self.total_outbufs_len

    @property
    def held_bytes(self) -> int:
        body_bytes: int = self.request.body_bytes_received if self.request else 0
        return body_bytes + int(self.total_outbufs_len)

    def patience_s(self, limits: Limits, *, keep_alive_s: float) -> float:
        """Returns for how long its client may let wait in its present state."""
        if self.total_outbufs_len:
            return limits.answer_s
        if self.request is None:
            return keep_alive_s if self._has_served else limits.head_s
        return limits.body_s if self.request.headers_finished else limits.head_s

    def wait(self, now: float) -> None:
        """Counts for how long its client has let it wait (`waited_s`); to be called again and
        again.
        """
        awaited: object
        if self.total_outbufs_len:
            awaited = "that the answer is taken"
        elif self.requests:
            # Its request is answered, or waits for a thread.
            awaited = None
        else:
            # The same request has to end, however its bytes drip in.
            awaited = self.request or self.last_activity
        if awaited != self._awaited:
            self._awaited = awaited
            self._awaited_since = now
        self.waited_s = 0.0 if awaited is None else now - self._awaited_since

    def end(self) -> None:
        """Closes the connection at once; waitress would wait until its client takes bytes."""
        self.handle_close()


class WebWorker(Worker):
    """One process: a loop, and the threads that run Django."""

    limits = Limits()

    def init_process(self) -> None:
        self._map: dict[int, wasyncore.dispatcher] = {}
        self._threads = ThreadedTaskDispatcher()
        self._servers: list[BaseWSGIServer] = []
        _allow_open_files()
        super().init_process()

    def run(self) -> None:
        # That all threads are busy for a moment is no event.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._threads.set_thread_count(self.cfg.threads)
        for listener in self.sockets:
            self._servers.append(self._server(listener))
        next_check = 0.0
        while self.alive and self.ppid == os.getppid():
            self._turn()
            now = time.monotonic()
            if now >= next_check:
                next_check = now + CHECK_EVERY_S
                self._end_slow_ones(now)
        self._finish()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        for server in self._servers:
            server.pull_trigger()

    def _server(self, listener: socket.socket) -> BaseWSGIServer:
        """Returns waitress on a socket that this process shares with others."""
        # gunicorn hands over a wrapper, which waitress would leave out.
        listener = socket.socket(fileno=os.dup(listener.fileno()))
        server = create_server(
            self.wsgi,
            map=self._map,
            _dispatcher=self._threads,
            sockets=[listener],
            server_name=str(listener.getsockname()[0]),
            backlog=self.cfg.backlog,
            # Connections, listening sockets and the pipes that wake the loop up.
            connection_limit=self.cfg.worker_connections,
            recv_bytes=64 * 1024,
            max_request_header_size=MOST_HEAD_BYTES,
            max_request_body_size=MOST_BODY_BYTES,
            inbuf_overflow=MOST_BYTES_IN_MEMORY,
            outbuf_overflow=MOST_BYTES_IN_MEMORY,
            outbuf_high_watermark=MOST_ANSWER_BYTES,
            # Whom to believe about clients is decided by VBSDASH_TRUSTED_PROXIES alone.
            clear_untrusted_proxy_headers=False,
            ident="",
        )
        server.channel_class = Channel
        return server

    def _turn(self) -> None:
        """Waits for connections, bytes or threads, for a second at most, and handles them."""
        self.notify()
        wasyncore.loop(timeout=CHECK_EVERY_S, use_poll=True, map=self._map, count=1)

    def _channels(self) -> list[Channel]:
        channels: list[Channel] = []
        for server in self._servers:
            channels += server.active_channels.values()
        return channels

    def _end_slow_ones(self, now: float) -> None:
        """Ends connections whose client keeps them waiting for too long; when there are as many as
        can be, or they hold too much, also a quarter of them, which have waited longest.
        """
        waiting: list[Channel] = []
        held_bytes = 0
        for channel in self._channels():
            held_bytes += channel.held_bytes
            channel.wait(now)
            patience_s = channel.patience_s(self.limits, keep_alive_s=self.cfg.keepalive)
            if channel.waited_s > patience_s:
                channel.end()
            elif channel.waited_s:
                waiting.append(channel)
        if held_bytes > self.limits.held_bytes:
            log.warning("slow clients hold %s MB: the slowest are cut off", held_bytes // 10**6)
        elif len(self._map) < self.cfg.worker_connections:
            return
        waiting.sort(key=lambda channel: channel.waited_s, reverse=True)
        for channel in waiting[: len(waiting) // 4 + 1]:
            channel.end()

    def _finish(self) -> None:
        """Takes no further connection, and returns when those that are open have ended, or after
        `--graceful-timeout`; a request that is under way has its answer until then.
        """
        for server in self._servers:
            server.accepting = False
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while time.monotonic() < deadline:
            channels = self._channels()
            if not channels:
                return
            for channel in channels:
                if channel.is_done:
                    channel.end()
            self._turn()


def _allow_open_files() -> None:
    """Raises this process's own limit: each connection has a file, and may have two more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
