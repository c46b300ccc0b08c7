"""Clients that send or read slowly hold up nobody, without an account: what `make run` starts, by
itself and behind nginx as the README has it.
"""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from backups.runner.ports import free_port
from backups.tests.nginx import CERTIFICATE, need_nginx, nginx
from backups.tests.run_settings import LIMIT_S
from backups.tests.web_server import WebServer, serving

pytestmark = [pytest.mark.once, pytest.mark.real_clock]
README = Path(__file__).parents[3] / "README.md"
MANY = 200
HOST = "localhost"
# Far more than the kernel takes for a client that does not read.
LARGE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"


@dataclass(frozen=True)
class Door:
    """Where the pages are reached: `path` is what stands before each of theirs."""

    port: int
    path: str
    is_tls: bool

    def connect(self) -> socket.socket:
        connection = socket.socket()
        # The kernel would take megabytes for a client that does not read.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
        connection.settimeout(LIMIT_S)
        connection.connect(("127.0.0.1", self.port))
        if not self.is_tls:
            return connection
        context = ssl.create_default_context(cafile=CERTIFICATE)
        return context.wrap_socket(connection, server_hostname=HOST)

    def page(self, path: str) -> int:
        scheme = "https" if self.is_tls else "http"
        url = f"{scheme}://{HOST}:{self.port}{self.path}{path}"
        return requests.get(url, verify=str(CERTIFICATE), timeout=LIMIT_S).status_code


def _slow(kind: str, path: str) -> bytes:
    """Returns what a slow client sends."""
    if kind == "half a head":
        return f"GET {path}/accounts/login/ HTTP/1.1\r\nHost: {HOST}\r\nX-Slow".encode()
    if kind == "half a body":
        length = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000"
        head = f"POST {path}/accounts/login/ HTTP/1.1\r\nHost: {HOST}\r\n{length}\r\n\r\n"
        return head.encode() + b"username="
    return f"GET {path}{LARGE} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    folder = tmp_path_factory.mktemp("slow")
    with serving(folder) as server:
        yield server


@pytest.fixture(params=["direct", "nginx"])
def door(request: pytest.FixtureRequest, tmp_path: Path, server: WebServer) -> Iterator[Door]:
    if request.param == "direct":
        yield Door(server.port, "", is_tls=False)
        return
    need_nginx()
    port = free_port()
    directives, *_ = re.findall(r"location /vbs/ {\n(.*?)\n}", README.read_text(), re.S)
    directives = directives.replace("http://127.0.0.1:8000", server.address)
    with nginx(tmp_path / "nginx", port=port, locations={"/": directives}):
        yield Door(port, "", is_tls=True)


@pytest.mark.parametrize("kind", ["half a head", "half a body", "an answer that is not read"])
def test_many_slow_clients_hold_up_nobody(door: Door, kind: str) -> None:
    with ExitStack() as connections:
        for _ in range(MANY):
            connection = connections.enter_context(door.connect())
            connection.sendall(_slow(kind, door.path))
        assert [door.page("/healthz"), door.page("/accounts/login/")] == [200, 200]
