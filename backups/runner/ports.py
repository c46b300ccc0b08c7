"""Opens the web port, finds free ports that stay the same over restarts, and probes ports."""

import errno
import socket
from pathlib import Path

PROBE_TIMEOUT_S = 2.0
BACKLOG = 1024  # connections that wait while the web part restarts


class CannotListen(Exception):
    """The web port cannot be opened; the text is a sentence that names the
    variable and the cure.
    """


def listen(host: str, port: int) -> socket.socket:
    """Returns a listening socket; port 0 takes a free one. Raises CannotListen.

    The web part inherits it, so requests wait while that part restarts.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as e:
        raise CannotListen(
            f"VBSDASH_HOST is {host!r}, which is no address here ({e.strerror}): write 127.0.0.1 "
            "or 0.0.0.0."
        ) from e
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as e:
        listener.close()
        raise CannotListen(_reason(host, port, e)) from e
    return listener


def _reason(host: str, port: int, e: OSError) -> str:
    if e.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is taken by another program: stop that one, or set PORT to a "
            "free number (or 0)."
        )
    if e.errno == errno.EACCES:
        return f"port {port} may not be opened by this user: set PORT to a number above 1023."
    return (
        f"VBSDASH_HOST is {host!r}, which cannot be listened on ({e.strerror}): write 127.0.0.1 "
        "or 0.0.0.0."
    )


def stored_free_port(file: Path) -> int:
    """Returns the loopback port stored in `file` when it is free now, else a new one, which is
    then stored there.
    """
    text = file.read_text().strip() if file.is_file() else ""
    port = free_port(int(text)) if text.isdecimal() else free_port()
    file.write_text(f"{port}\n")
    return port


def free_port(preferred: int = 0) -> int:
    """Returns `preferred` if nobody listens there on loopback, else a free port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred if preferred < 65536 else 0))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Returns whether somebody listens on the loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), PROBE_TIMEOUT_S).close()
    except OSError:
        return False
    return True
