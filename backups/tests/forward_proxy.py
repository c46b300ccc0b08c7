"""Servers between the product and a simulated cloud: a forward proxy whose questions a test can
read, and TLS in front of a plain server. All on loopback.
"""

import base64
import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CERTIFICATES = Path(__file__).parent / "certificates"
OF_ONE_HOP = ("Proxy-Authorization", "Proxy-Connection", "Connection")


@dataclass(frozen=True)
class Asked:
    """What the proxy was asked: the first line and the headers, their names in small letters."""

    method: str
    target: str
    headers: Mapping[str, str]


@dataclass
class ForwardProxy:
    """Passes on what it is asked. `places` are the ports of 127.0.0.1 behind host names that no
    resolver knows. With `refusal` it answers everything with that status.
    """

    credentials: str | None = None  # USER:PASSWORD
    places: dict[str, int] = field(default_factory=dict)
    refusal: int | None = None
    asked: list[Asked] = field(default_factory=list)
    tunnels: list[socket.socket] = field(default_factory=list)
    port: int = 0

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def connect(self, host: str, port: int) -> tuple[str, int]:
        return "127.0.0.1", self.places.get(host, port)

    def hang_up(self) -> None:
        """Closes every tunnel, as a proxy does with those that are idle."""
        for tunnel in self.tunnels:
            with contextlib.suppress(OSError):
                tunnel.shutdown(socket.SHUT_RDWR)
        self.tunnels.clear()

    @property
    def methods(self) -> list[str]:
        return [asked.method for asked in self.asked]


def _handler(proxy: ForwardProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def is_refused(self) -> bool:
            """Answers in place of the server, where it has to."""
            headers = {name.lower(): value for name, value in self.headers.items()}
            proxy.asked.append(Asked(self.command, self.path, headers))
            status = proxy.refusal
            if proxy.credentials is not None:
                proof = base64.b64encode(proxy.credentials.encode()).decode()
                if headers.get("proxy-authorization") != f"Basic {proof}":
                    status = 407
            if status is None:
                return False
            headers = {"Proxy-Authenticate": "Basic", "Content-Type": "text/html"}
            self.reply(status, headers, b"<h1>The proxy says no.</h1>")
            return True

        def do_CONNECT(self) -> None:
            if self.is_refused():
                return
            host, _, port = self.path.rpartition(":")
            try:
                far = socket.create_connection(proxy.connect(host.strip("[]"), int(port)), 5)
            except OSError:
                self.reply(503, {}, b"")
                return
            self.send_response_only(200, "Connection established")
            self.end_headers()
            self.close_connection = True
            proxy.tunnels.append(self.connection)
            pass_on(self.connection, far)

        def forward(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if self.is_refused():
                return
            parts = urlsplit(self.path)
            place = proxy.connect(str(parts.hostname), parts.port or 80)
            connection = HTTPConnection(*place)
            headers = {key: value for key, value in self.headers.items() if key not in OF_ONE_HOP}
            try:
                path = parts._replace(scheme="", netloc="").geturl()
                connection.request(self.command, path, body, headers)
                answer = connection.getresponse()
                self.reply(answer.status, dict(answer.getheaders()), answer.read())
            except OSError:
                self.reply(503, {}, b"<h1>The server is not there.</h1>")
            finally:
                connection.close()

        do_GET = do_POST = forward

        def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name not in ("Content-Length", "Transfer-Encoding", "Connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Tests are silent."""

    return Handler


def pass_on(near: socket.socket, far: socket.socket) -> None:
    """Copies both ways until either side ends."""
    far.settimeout(None)
    with far:
        back = threading.Thread(target=_copy, args=[far, near], daemon=True)
        back.start()
        _copy(near, far)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for side in (source, target):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def forward_proxy(
    *,
    credentials: str | None = None,
    places: Mapping[str, int] | None = None,
    refusal: int | None = None,
    certificate: str = "",
) -> Iterator[ForwardProxy]:
    """Runs a forward proxy; with a `certificate` one speaks TLS to it."""
    proxy = ForwardProxy(credentials=credentials, places=dict(places or {}), refusal=refusal)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / f"{certificate}.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # a refused handshake
    proxy.port = server.server_port
    with _serving(server):
        yield proxy
        proxy.hang_up()


@contextlib.contextmanager
def tls_in_front_of(port: int, certificate: str = "good") -> Iterator[int]:
    """Serves TLS and passes on what it reads to `port`; yields its own port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{certificate}.pem")

    def answer(plain: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as near:
            pass_on(near, socket.create_connection(("127.0.0.1", port)))

    with answering(answer) as own_port:
        yield own_port


@contextlib.contextmanager
def answering(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """Runs a server below HTTP, which gives each connection to `answer`; yields its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                answer(self.request)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with _serving(server):
        yield server.server_address[1]


@contextlib.contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.socket.close()
        thread.join()
