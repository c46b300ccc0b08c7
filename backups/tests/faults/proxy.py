"""A TCP proxy that can turn into a black hole: connections stay open, and nothing comes through."""

import contextlib
import socket
import threading

CHECK_SECONDS = 0.1


class Proxy:
    """In front of a port of 127.0.0.1. `open` set: bytes pass; cleared: they are
    taken and never delivered.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.open = threading.Event()
        self.open.set()
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # closed by close()
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        """A connection made in the dark gets its other half when light comes back."""
        self._wait()
        with (
            near,
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self._target), 5) as far,
        ):
            far.settimeout(None)
            back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
            back.start()
            self._pump(near, far)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if not self.open.is_set():
                    self._wait()
                    break  # what fell into the hole is lost, and so is the connection
                sink.sendall(data)
        except OSError:
            # one of the two was killed: what a proxy has to tell of that is the end of the other
            pass
        finally:
            for one in (source, sink):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _wait(self) -> None:
        while not self.open.wait(CHECK_SECONDS):
            if self._closed:
                return
