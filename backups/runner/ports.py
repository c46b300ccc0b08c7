"""TCP ports: listening on the web port, a free port that stays the same over restarts, whether
somebody listens.
"""

import errno
import socket
from pathlib import Path

PROBE_SECONDS = 2.0


class CannotListen(Exception):
    """The web port cannot be had; the text is a sentence that names the variable and the cure."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. The web part gets it: requests wait while that
    part restarts.
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
        listener.listen(1024)
    except OSError as e:
        listener.close()
        raise CannotListen(_why_not(host, port, e)) from e
    return listener


def _why_not(host: str, port: int, e: OSError) -> str:
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


def kept_free_port(file: Path) -> int:
    """The loopback port kept in `file` when it is free now, else a new one, which is then kept
    there.
    """
    kept = file.read_text().strip() if file.is_file() else ""
    port = free_port(int(kept)) if kept.isdecimal() else free_port()
    file.write_text(f"{port}\n")
    return port


def free_port(wish: int = 0) -> int:
    """`wish` if nobody listens there on loopback, else a free port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wish if wish < 65536 else 0))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Whether somebody listens on the loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), PROBE_SECONDS).close()
    except OSError:
        return False
    return True
