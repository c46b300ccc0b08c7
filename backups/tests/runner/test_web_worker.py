"""The worker of gunicorn that no slow client holds, with an application of a few lines."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from backups.runner import ports
from backups.tests.faults.parts import Part
from backups.tests.run_settings import LIMIT_S
from backups.tests.runner.small_app import PIECE, PIECES
from backups.tests.waiting import wait_until

pytestmark = pytest.mark.real_clock
APP = "backups.tests.runner.small_app"
HEAD = b"GET /large HTTP/1.1\r\nHost: localhost\r\n"
HALF_HEAD = b"GET / HTTP/1.1\r\nHost: loc"
HALF_BODY = b"POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n12345"
WHOLE = HEAD + b"\r\n"
MANY = 200


class Server:
    def __init__(self, folder: Path, worker: str, *options: str) -> None:
        self.listener = ports.listen("127.0.0.1", 0)
        self.port: int = self.listener.getsockname()[1]
        fd = self.listener.fileno()
        argv = (sys.executable, "-m", "gunicorn", f"{APP}:application", "--bind", f"fd://{fd}")
        config = ("--config", "python:backups.runner.gunicorn_conf", "--worker-class", worker)
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}
        self.part = Part((*argv, *config, *options), env, folder / "web.log", (fd,))

    @property
    def log(self) -> str:
        return self.part.log.read_text()

    def connect(self, sent: bytes = b"", *, receives: int = 0) -> socket.socket:
        """Connects and sends this. `receives`: the bytes that the kernel takes for the client."""
        connection = socket.socket()
        if receives:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
            # The server's side of loopback would take megabytes.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
        connection.settimeout(LIMIT_S)
        connection.connect(("127.0.0.1", self.port))
        connection.sendall(sent)
        return connection

    def get(self, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        connection.request("GET" if body is None else "POST", path, body)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data


@contextmanager
def running(folder: Path, worker: str, *options: str) -> Iterator[Server]:
    server = Server(folder, worker, *options)
    server.part.start()
    try:
        assert server.get("/") == (200, b"ok")
        yield server
    finally:
        server.part.end()
        server.listener.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("web")
    with running(folder, "backups.runner.web_worker.WebWorker", "--threads", "2") as server:
        yield server


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("web"), f"{APP}.ImpatientWorker") as server:
        yield server


@pytest.mark.parametrize(
    "sent",
    [b"", HALF_HEAD, HALF_BODY, WHOLE],
    ids=["silence", "half a head", "half a body", "answer"],
)
def test_others_are_answered_while_many_clients_are_slow(server: Server, sent: bytes) -> None:
    with ExitStack() as connections:
        for _ in range(MANY):
            connections.enter_context(server.connect(sent, receives=2048))
        assert server.get("/") == (200, b"ok")
        assert server.get("/length", b"x" * 1000) == (200, b"1000")


def test_a_slow_reader_gets_the_whole_answer(server: Server) -> None:
    with server.connect(HEAD + b"Connection: close\r\n\r\n", receives=2048) as connection:
        assert server.get("/") == (200, b"ok")
        data = b""
        while piece := connection.recv(2**20):
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    assert (head[:15], body.count(b"x")) == (b"HTTP/1.1 200 OK", len(PIECE) * PIECES)


def test_a_head_and_a_body_that_drip_in_are_answered_when_they_are_whole(server: Server) -> None:
    head = b"POST /length HTTP/1.1\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"
    request = head + b"12345"
    with server.connect() as connection:
        for place in range(len(request)):
            connection.sendall(request[place : place + 1])
        assert connection.makefile("rb").read().endswith(b"\r\n\r\n5")


@pytest.mark.parametrize(
    "sent", [b"", HALF_HEAD, HALF_BODY], ids=["silence", "half a head", "half a body"]
)
def test_a_client_that_does_not_go_on_is_hung_up_on(impatient: Server, sent: bytes) -> None:
    with impatient.connect(sent) as connection:
        assert connection.recv(1) == b""


@pytest.mark.parametrize("sent", [HALF_HEAD, HALF_BODY], ids=["a head", "a body"])
def test_drops_do_not_prolong(impatient: Server, sent: bytes) -> None:
    with impatient.connect(sent) as connection:
        connection.settimeout(0.1)

        def is_hung_up_on() -> bool:
            try:
                connection.sendall(b"x")
                return connection.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        wait_until(is_hung_up_on)


def test_an_answer_that_is_not_taken_is_cut_off(impatient: Server) -> None:
    with impatient.connect(WHOLE, receives=2048) as connection:
        # What waits to be sent has no end of the connection in it: it is looked for from outside.
        wait_until(lambda: not _is_open(impatient, connection))


def _is_open(server: Server, connection: socket.socket) -> bool:
    """Returns whether the server's side of a connection is open, as the kernel knows."""
    port = connection.getsockname()[1]
    return f":{server.port:04X} 0100007F:{port:04X} 01 " in Path("/proc/net/tcp").read_text()


def test_what_slow_clients_hold_is_bounded(tmp_path: Path) -> None:
    with running(tmp_path, f"{APP}.FrugalWorker") as server, ExitStack() as connections:
        for _ in range(8):
            connections.enter_context(server.connect(WHOLE, receives=2048))
        wait_until(lambda: "slow clients hold" in server.log, lambda: server.log)
        assert server.get("/") == (200, b"ok")


def test_those_who_wait_longest_make_room_when_there_are_too_many(tmp_path: Path) -> None:
    options = ("--worker-connections", "20")
    worker = "backups.runner.web_worker.WebWorker"
    with running(tmp_path, worker, *options) as server, ExitStack() as connections:
        for _ in range(25):
            connections.enter_context(server.connect(HALF_HEAD))
        assert server.get("/") == (200, b"ok")


def test_a_connection_is_kept_for_the_next_request(server: Server) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=LIMIT_S)
    connection.request("GET", "/")
    connection.getresponse().read()
    sock = connection.sock
    for body in (b"x", b"xx"):
        connection.request("POST", "/length", body)
        assert connection.getresponse().read() == str(len(body)).encode()
    assert connection.sock is sock
    connection.close()


def test_the_head_may_have_the_longest_address_of_a_list_and_no_endless_one(
    server: Server,
) -> None:
    assert server.get(f"/?{'x' * 8180}") == (200, b"ok")
    assert server.get(f"/?{'x' * 40_000}")[0] == 431
    assert server.get("/length", b"x" * 5 * 2**20) == (200, str(5 * 2**20).encode())
    with server.connect(b"POST / HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_the_application_sees_its_peer_and_what_proxies_wrote(server: Server) -> None:
    head = b"GET /peer HTTP/1.1\r\nX-Forwarded-For: 192.0.2.7\r\nX_Forwarded_For: 192.0.2.9\r\n"
    with server.connect(head + b"Connection: close\r\n\r\n") as connection:
        answer = connection.makefile("rb").read()
    assert answer.endswith(b"\r\n\r\n127.0.0.1 127.0.0.1 192.0.2.7")


def test_a_stop_waits_for_what_is_under_way_and_for_no_idle_client(tmp_path: Path) -> None:
    worker = "backups.runner.web_worker.WebWorker"
    options = ("--graceful-timeout", "60")
    with running(tmp_path, worker, *options) as server, ExitStack() as connections:
        idle = connections.enter_context(server.connect())
        busy = connections.enter_context(
            server.connect(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        )
        answer = busy.makefile("rb")
        while b"begin" not in answer.readline():
            pass
        server.part.send(signal.SIGTERM)
        assert idle.recv(1) == b""
        (tmp_path / "go").touch()
        assert b"end" in answer.read()
        wait_until(lambda: server.part.died)
        assert "Worker exiting" in server.log


def test_a_stop_does_not_wait_for_slow_clients_for_longer_than_it_may(tmp_path: Path) -> None:
    worker = "backups.runner.web_worker.WebWorker"
    options = ("--graceful-timeout", "1")
    with running(tmp_path, worker, *options) as server, ExitStack() as connections:
        for sent in (HALF_HEAD, HALF_BODY, WHOLE):
            connections.enter_context(server.connect(sent, receives=2048))
        assert server.get("/") == (200, b"ok")
        server.part.send(signal.SIGTERM)
        wait_until(lambda: server.part.died)
        assert "Traceback" not in server.log
