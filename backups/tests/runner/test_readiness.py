"""How the runner finds out that the web part is ready, asked over real HTTP."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from backups.runner import ports
from backups.runner.readiness import Readiness
from backups.tests.waiting import wait_until


class Web(ThreadingHTTPServer):
    """Answers each path with the status and body in `said`; `asked` are the paths."""

    said: dict[str, tuple[int, str]]
    asked: list[str]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Web)
        self.server.asked.append(self.path)
        status, body = self.server.said[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def web() -> Iterator[Web]:
    with Web(("127.0.0.1", 0), Handler) as server:
        server.said, server.asked = {"/healthz": (200, "ok"), "/readyz": (200, "{}")}, []
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def becomes_ready(readiness: Readiness) -> None:
    wait_until(readiness.check, lambda: str(readiness.missing))


def misses(readiness: Readiness, missing: dict[str, str]) -> None:
    """Looks until it is known what is missing; it is never called ready on the way."""

    def is_named() -> bool:
        assert readiness.check() is False
        return readiness.missing == missing

    wait_until(is_named, lambda: str(readiness.missing))


def test_ready_is_healthz_and_readyz(web: Web) -> None:
    readiness = Readiness("127.0.0.1", web.server_port)
    becomes_ready(readiness)
    assert readiness.missing == {}
    assert web.asked == ["/healthz", "/readyz"]


def test_what_is_not_ready_is_named_until_it_is(web: Web) -> None:
    parts = {"database": "ok", "worker": "No worker has answered yet."}
    web.said["/readyz"] = (503, json.dumps({"ready": False, "parts": parts}))
    readiness = Readiness("127.0.0.1", web.server_port)
    misses(readiness, {"worker": "No worker has answered yet."})
    web.said["/readyz"] = (200, "{}")
    becomes_ready(readiness)


def test_a_lag_is_told_but_not_waited_for(web: Web) -> None:
    lag = "Backups have been due for over 5 minutes in 1 cloud: see the page Clouds."
    web.said["/readyz"] = (503, json.dumps({"ready": False, "parts": {"worker": "ok", "lag": lag}}))
    readiness = Readiness("127.0.0.1", web.server_port)
    becomes_ready(readiness)
    assert readiness.missing == {"lag": lag}


@pytest.mark.parametrize("part", ["broker", "database"])
def test_what_runs_elsewhere_is_told_but_not_waited_for(web: Web, part: str) -> None:
    parts = {part: "It cannot be used.", "worker": "No worker has answered yet."}
    web.said["/readyz"] = (503, json.dumps({"ready": False, "parts": parts}))
    readiness = Readiness("127.0.0.1", web.server_port)
    becomes_ready(readiness)
    assert readiness.missing == parts


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"parts": 3}'])
def test_an_error_without_parts_is_named_by_its_status(web: Web, body: str) -> None:
    web.said["/healthz"] = (500, body)
    readiness = Readiness("127.0.0.1", web.server_port)
    misses(readiness, {"web": "/healthz answers 500"})


def test_looking_never_waits_for_a_server_that_accepts_and_says_nothing() -> None:
    with ports.listen("127.0.0.1", 0) as silent:
        readiness = Readiness("127.0.0.1", silent.getsockname()[1])
        assert [readiness.check() for _ in range(5)] == [False] * 5
        silent.accept()[0].close()  # all five looked at one question
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()
        readiness.close()


def test_a_closed_port_is_not_ready() -> None:
    readiness = Readiness("127.0.0.1", ports.free_port())
    assert readiness.check() is False
    assert readiness.missing == {"web": "/healthz does not answer"}
