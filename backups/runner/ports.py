"""Opens the web port, finds free ports that stay the same over restarts, and probes ports."""

import errno
import socket
from pathlib import Path

from backups.runner.own_addresses import is_broadcast

PROBE_TIMEOUT_S = 2.0
# The machine does not have this address, or not this kind of addresses.
NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
BACKLOG = 1024  # connections that wait while the web part restarts


class CannotListen(Exception):
    """The web port cannot be opened; the text is a sentence that names the
    variable and the cure.
    """


def listen(host: str, port: int) -> socket.socket:
    """Returns a listening socket; port 0 takes a free one. Raises CannotListen.

    Of a name that leads to several addresses it takes the first that this machine has.
    The web part inherits the socket, so requests wait while that part restarts.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as e:
        raise CannotListen(
            f"VBSDASH_HOST is {host!r}, a name that leads nowhere "
            f"({getattr(e, 'strerror', None) or e}): write 127.0.0.1 or 0.0.0.0."
        ) from e
    refusals = []
    for family, _, _, _, address in found:
        if is_broadcast(str(address[0])):
            raise CannotListen(_not_here(host, str(address[0])))
        try:
            return _listener(family, address)
        except OSError as e:
            if e.errno not in NOT_HERE:
                raise CannotListen(_reason(host, port, e)) from e
            refusals.append(e)
    raise CannotListen(_not_here(host, str(found[0][4][0]))) from refusals[0]


def _listener(family: int, address: tuple[object, ...]) -> socket.socket:
    """Raises OSError."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # On :: it takes IPv4 too, whatever the system's default is.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _not_here(host: str, address: str) -> str:
    leads = "" if host == address else f"leads to {address}, which "
    return (
        f"VBSDASH_HOST is {host!r}, which {leads}is no address of this machine: write 127.0.0.1 "
        "for this machine alone, 0.0.0.0 for all, or an address of its own."
    )


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
