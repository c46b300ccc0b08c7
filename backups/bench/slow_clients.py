"""What it costs that slow clients hold no thread: the web part as `make run` starts it, against
gunicorn's own threads, which it had before; and what either still does when clients are slow.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from backups.bench.fill import fill
from backups.bench.report import Report
from backups.runner import parts, ports

BACKUPS = 300
CLIENTS = 8
ROUNDS = 3
TIMES = {"/healthz": 30, "/backups/": 4}  # that each client asks for a page in each round
LONGEST_S = 120.0
SLOW_S = 10.0  # for which an answer is waited for beside slow clients
SLOW_CLIENTS = 40
HALF_HEAD = b"GET / HTTP/1.1\r\nHost: localho"


@dataclass(frozen=True)
class Web:
    """A web part that runs; `cookie` is of somebody who is signed in."""

    port: int
    cookie: str

    def ask(self, path: str, times: int, *, within_s: float) -> int:
        """Asks so often, over a connection that is kept. Returns how many answers came in time."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=within_s)
        ends_at = time.monotonic() + within_s
        count = 0
        with contextlib.suppress(TimeoutError):
            while count < times and time.monotonic() < ends_at:
                connection.request("GET", path, headers={"Cookie": self.cookie})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{path} answered {answer.status}")
                count += 1
        connection.close()
        return count

    def rate(self, path: str, times: int) -> float:
        """Returns answers a second of CLIENTS that ask so often each."""

        def ask(_number: int) -> int:
            return self.ask(path, times, within_s=LONGEST_S)

        began_at = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            counts = list(pool.map(ask, range(CLIENTS)))
        return sum(counts) / (time.monotonic() - began_at)


@contextmanager
def _web(cookie: str, *options: str) -> Iterator[Web]:
    listener = ports.listen("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    part = parts.web_part(listener.fileno(), port=settings.LISTEN_PORT)
    process = subprocess.Popen(  # noqa: S603 - ours
        [*part.argv, *options],
        env={**os.environ, **part.env, "PORT": str(settings.LISTEN_PORT)},
        cwd=settings.BASE_DIR,
        pass_fds=part.pass_fds,
    )
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=LONGEST_S)
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        connection.close()
        yield Web(port, cookie)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        listener.close()


def _cookie() -> str:
    user = User.objects.create_superuser(f"bench-{uuid.uuid4().hex[:8]}")
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


def _compared(report: Report, name: str, path: str, *, threads: Web, ours: Web) -> None:
    """Measures both by turns, so that whatever else the machine does bears on both."""
    before = 0.0
    after = 0.0
    for _ in range(ROUNDS):
        before += threads.rate(path, TIMES[path]) / ROUNDS
        after += ours.rate(path, TIMES[path]) / ROUNDS
    report.row(name, after, "/s", reference=before)


def run(report: Report) -> None:
    report.head("Answers a second, as multiples of what gunicorn's own threads give")
    fill(BACKUPS, now=timezone.now())
    cookie = _cookie()
    with (
        _web(cookie, "--worker-class", "gthread") as threads,
        _web(cookie) as ours,
        ExitStack() as connections,
    ):
        for name, path in (("/healthz", "/healthz"), ("a list of 100", "/backups/")):
            _compared(report, name, path, threads=threads, ours=ours)
        for web in (threads, ours):
            for _ in range(SLOW_CLIENTS):
                connection = socket.create_connection(("127.0.0.1", web.port))
                connections.enter_context(connection)
                connection.sendall(HALF_HEAD)
        name = f"/healthz beside {SLOW_CLIENTS} clients with half a head"
        before = threads.ask("/healthz", TIMES["/healthz"], within_s=SLOW_S)
        after = ours.ask("/healthz", TIMES["/healthz"], within_s=SLOW_S)
        report.row(f"{name}, threads", before, f"in {SLOW_S:.0f} s")
        report.row(name, after, f"in {SLOW_S:.0f} s", least=1)
