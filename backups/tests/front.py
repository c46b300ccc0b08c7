"""What stands between a browser and vbsdash and can turn bad: a port that refuses, a proxy that
does not reach its server, one that never answers.
"""

import contextlib
import socket
import threading
from typing import Literal

from backups.tests.run_settings import LIMIT_S

State = Literal["open", "502", "silent"]
BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 20\r\n"
    b"Connection: close\r\n\r\n<h1>Bad Gateway</h1>"
)


class Front:
    """In front of a port of 127.0.0.1. `state` counts for each new connection; `close` makes the
    port refuse, and `listen` opens the same one again. Each connection carries one request.
    """

    def __init__(self, target: int) -> None:
        self.state: State = "open"
        self.port = 0
        self._target = target
        self._connections: list[socket.socket] = []
        self.listen()

    def listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.turn(self.state)

    def turn(self, state: State) -> None:
        """Cuts what is open, so that the next request meets this state."""
        self.state = state
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return  # closed by close()
            self._connections.append(near)
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError):
            if self.state == "silent":
                near.recv(65536)
                near.recv(65536)  # until it is cut
                return
            if self.state == "502":
                near.recv(65536)
                near.sendall(BAD_GATEWAY)
                return
            with socket.create_connection(("127.0.0.1", self._target), LIMIT_S) as far:
                back = threading.Thread(target=_pump, args=(far, near), daemon=True)
                back.start()
                _pump(near, far)
                back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
