"""A front that speaks TLS for a server that does not."""

import contextlib
import socket
import ssl
import threading
from pathlib import Path

CERTIFICATES = Path(__file__).parents[1] / "certificates"


class TlsFront:
    """Before a port of 127.0.0.1, with a certificate of `tests/certificates`."""

    def __init__(self, target: int, certificate: str) -> None:
        self._target = target
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(CERTIFICATES / certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "TlsFront":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        # A client that does not like the certificate leaves in the middle of it.
        with (
            contextlib.suppress(OSError),
            self._context.wrap_socket(near, server_side=True) as wrapped,
            socket.create_connection(("127.0.0.1", self._target)) as far,
        ):
            back = threading.Thread(target=self._pump, args=(far, wrapped), daemon=True)
            back.start()
            self._pump(wrapped, far)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
