"""The far sides of channels: a real HTTP server and a real mail server on loopback, which keep what
comes and do what a bad one would do; and the file that names them.
"""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from django.conf import LazySettings

from backups.tests.waiting import wait_until

CERTIFICATES = Path(__file__).parents[1] / "certificates"
CERTIFICATE = CERTIFICATES / "good.pem"  # of localhost and 127.0.0.1; its own authority
DRIP_EVERY_S = 0.02
BIG_BYTES = 10 * 2**20

# answer: as its `status`, `headers` and `body` say. drip: one byte at a time, without end. big: a
# body of 10 MiB. never: it reads the request, and says nothing. hang up: it reads the request, and
# closes the connection.
HttpManner = Literal["answer", "drip", "big", "never", "hang up"]


@dataclass(frozen=True)
class Posted:
    """A request; the names of its headers are in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class HttpSink:
    """A web server that can be told how to behave, also while it runs."""

    def __init__(self) -> None:
        self.requests: list[Posted] = []
        self.manner: HttpManner = "answer"
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b"ok"
        self.port = 0
        # Lets go of those that drip or are never answered.
        self.is_over = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def fail(self, status: int = 500, **headers: str) -> None:
        """Answers with a status; a header's `_` is a `-`: `Retry_After="30"`."""
        self.manner = "answer"
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def redirect(self, to: str, status: int = 302) -> None:
        self.fail(status, Location=to)

    def recover(self) -> None:
        self.fail(200)

    def wait_for(self, count: int) -> list[Posted]:
        """Returns the requests once there are so many."""
        wait_until(lambda: len(self.requests) >= count, lambda: f"{len(self.requests)} came")
        return self.requests

    def go_down(self) -> None:
        """Refuses connections from now on; its port stays its own."""
        assert self._server is not None
        assert self._thread is not None
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._server = None

    def come_up(self) -> None:
        self._server = _HttpServer(("127.0.0.1", self.port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def is_up(self) -> bool:
        return self._server is not None


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def _handler(sink: HttpSink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            # How it behaves is decided before the test may know that something came.
            manner = sink.manner
            status = sink.status
            answer_headers = dict(sink.headers)
            answer_body = sink.body
            sink.requests.append(Posted(self.command, self.path, headers, body))
            if manner == "never":
                sink.is_over.wait()
            if manner in ("never", "hang up"):
                self.close_connection = True
                return
            with contextlib.suppress(OSError):
                if manner == "drip":
                    self.drip(status)
                elif manner == "big":
                    self.reply(status, answer_headers, bytes(BIG_BYTES))
                else:
                    self.reply(status, answer_headers, answer_body)

        do_GET = do_POST = do_HEAD = take

        def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def drip(self, status: int) -> None:
            self.close_connection = True
            self.send_response_only(status)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            while not sink.is_over.wait(DRIP_EVERY_S):
                self.wfile.write(b".")

        def log_message(self, *args: Any) -> None:
            """Tests are silent."""

    return Handler


@contextlib.contextmanager
def http_sink() -> Iterator[HttpSink]:
    sink = HttpSink()
    with _kept_port() as sink.port:
        sink.come_up()
        try:
            yield sink
        finally:
            sink.is_over.set()
            if sink.is_up:
                sink.go_down()


@dataclass(frozen=True)
class Mail:
    """What came: from whom and to whom by the envelope, and the mail itself."""

    sender: str
    recipients: list[str]
    raw: bytes
    has_tls: bool
    login: tuple[str, str] | None

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message

    def part(self, kind: str) -> str:
        """Returns the text of the part `plain` or `html`."""
        part = self.message.get_body((kind,))
        assert part is not None
        content = part.get_content()
        assert isinstance(content, str)
        return content


class SmtpSink:
    """A mail server. `credentials`: user and password that it asks for. `tls`: it speaks TLS from
    the beginning on, or offers STARTTLS. `refusal`: what it answers to each mail, as `451 later`.
    `refused`: recipients that it does not know. `is_silent`: it reads mails and says nothing.
    """

    def __init__(
        self,
        *,
        credentials: tuple[str, str] | None = None,
        tls: Literal["none", "starttls", "tls"] = "none",
    ) -> None:
        self.mails: list[Mail] = []
        self.refusal: str | None = None
        self.refused: set[str] = set()
        self.is_silent = False
        self.port = 0
        self._credentials = credentials
        self._tls = tls
        self._controller: _Controller | None = None

    def go_down(self) -> None:
        """Refuses connections from now on; its port stays its own."""
        assert self._controller is not None
        self._controller.stop()
        self._controller = None

    def come_up(self) -> None:
        context = None
        if self._tls != "none":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
        self._controller = _Controller(
            self,
            "127.0.0.1",
            self.port,
            ssl_context=context if self._tls == "tls" else None,
            tls_context=context if self._tls == "starttls" else None,
            require_starttls=self._tls == "starttls",
            server_hostname="sink.example",
            auth_require_tls=False,
            authenticator=self._authenticate,
            decode_data=False,
        )
        self._controller.start()

    @property
    def is_up(self) -> bool:
        return self._controller is not None

    def wait_for(self, count: int) -> list[Mail]:
        """Returns the mails once there are so many."""
        wait_until(lambda: len(self.mails) >= count, lambda: f"{len(self.mails)} came")
        return self.mails

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any
    ) -> AuthResult:
        assert isinstance(login, LoginPassword)
        pair = (login.login.decode(), login.password.decode())
        return AuthResult(success=pair == self._credentials, handled=False, auth_data=pair)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._credentials is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refusal is not None:
            return self.refusal
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(
            Mail(
                sender=envelope.mail_from or "",
                recipients=list(envelope.rcpt_tos),
                raw=content,
                has_tls=session.ssl is not None or self._tls == "tls",
                login=session.auth_data if session.authenticated else None,
            )
        )
        if self.is_silent:
            # Nobody sets it: it ends with the connection, or with the server.
            await server.loop.create_future()
        return "250 OK"


class _Controller(Controller):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sessions: list[SMTP] = []

    def factory(self) -> SMTP:
        session: SMTP = super().factory()  # type: ignore[no-untyped-call]
        self._sessions.append(session)
        return session

    def _trigger_server(self) -> None:
        """Makes no connection of its own: with TLS it would be one that is cut off."""
        self.smtpd = self
        self._factory_invoked.set()

    def cancel_tasks(self, stop_loop: bool = True) -> None:
        """Cuts all connections first, which nobody would close any more after the loop."""
        for session in self._sessions:
            for transport in (session.transport, session._original_transport):
                if transport is not None:
                    transport.abort()  # type: ignore[attr-defined]
        self.loop.call_soon(super().cancel_tasks, stop_loop)


@contextlib.contextmanager
def smtp_sink(
    *,
    credentials: tuple[str, str] | None = None,
    tls: Literal["none", "starttls", "tls"] = "none",
) -> Iterator[SmtpSink]:
    sink = SmtpSink(credentials=credentials, tls=tls)
    with _kept_port() as sink.port:
        sink.come_up()
        try:
            yield sink
        finally:
            if sink.is_up:
                sink.go_down()


@contextlib.contextmanager
def _kept_port() -> Iterator[int]:
    """Yields a port that no other process gets, also while nobody listens on it."""
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield keeper.getsockname()[1]


def webhook(sink: HttpSink, **keys: Any) -> dict[str, Any]:
    """Returns the entry of a channel that leads to the sink."""
    return {"kind": "webhook", "url": sink.url, **keys}


def mail(sink: SmtpSink, **keys: Any) -> dict[str, Any]:
    """Returns the entry of a channel that leads to the sink."""
    return {
        "kind": "mail",
        "to": ["ops@example.org"],
        "from": "vbsdash@example.org",
        "host": "127.0.0.1",
        "port": sink.port,
        "security": "none",
        **keys,
    }


def channels_yaml(
    folder: Path,
    channels: Mapping[str, Mapping[str, Any]],
    heartbeat: Mapping[str, Any] | None = None,
) -> Path:
    """Writes channels.yaml into the folder; JSON is YAML."""
    content: dict[str, Any] = {"channels": channels}
    if heartbeat is not None:
        content["heartbeat"] = heartbeat
    path = folder / "channels.yaml"
    path.write_text(json.dumps(content))
    return path


def configure(
    settings: LazySettings,
    folder: Path,
    channels: Mapping[str, Mapping[str, Any]],
    heartbeat: Mapping[str, Any] | None = None,
) -> None:
    """Makes these the channels of this process: `settings` is the fixture."""
    from backups.alarms import channels_file

    settings.CHANNELS_FILE = channels_yaml(folder, channels, heartbeat)
    channels_file.forget()
