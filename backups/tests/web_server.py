"""The web part as a real process on a database of its own, for what Django's client does not send
as it is told: the Host header, and headers of proxies.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPResponse
from pathlib import Path

from backups.runner import parts, ports
from backups.tests.faults.parts import PROJECT, Part
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until

NAME = "admin"
PASSWORD = "word-for-tests"
PREPARE = """
import sys
import django; django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
call_command("migrate", interactive=False, verbosity=0)
get_user_model().objects.create_superuser("admin", "", sys.argv[1])
call_command("create_token", "admin")
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    text: str


class WebServer:
    """`key` is an API token; what it logs is in `log`."""

    def __init__(self, folder: Path, *, host: str, env: dict[str, str], processes: int = 1) -> None:
        no_clouds = folder / "no_clouds.yaml"
        no_clouds.write_text("clouds: {}\n")
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "DJANGO_SETTINGS_MODULE": "vbsdash.settings",
            "OS_CLIENT_CONFIG_FILE": str(no_clouds),
            "VBSDASH_DATA_DIR": str(folder / "data"),
            "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
            "VBSDASH_HOST": host,
            **env,
        }
        argv = [sys.executable, "-c", PREPARE, PASSWORD]
        prepared = subprocess.run(
            argv, env=self._env, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True
        )
        self.key = prepared.stdout.split()[-1]
        self.listener = ports.listen(host, 0)
        self.port: int = self.listener.getsockname()[1]
        plan = parts.web_part(self.listener.fileno(), port=self.port, processes=processes)
        log = folder / "web.log"
        self._part = Part(plan.argv, {**self._env, **plan.env}, log, plan.pass_fds)
        self._log = log

    def start(self) -> None:
        self._part.start()
        wait_until(
            lambda: self.raw(b"GET /healthz HTTP/1.0\r\n\r\n").status == 200, lambda: self.log
        )

    def stop(self) -> None:
        self._part.end()
        self.listener.close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def log(self) -> str:
        return self._log.read_text()

    def raw(self, request: bytes) -> Answer:
        """Sends these very bytes."""
        with socket.create_connection(("127.0.0.1", self.port), LIMIT_S) as connection:
            connection.sendall(request)
            response = HTTPResponse(connection)
            response.begin()
            text = response.read().decode()
            return Answer(response.status, response.headers, text)

    def ask(self, path: str, *heads: str, method: str = "GET", body: str = "") -> Answer:
        """Sends these header lines and no other, but what ends the connection and
        the length of a body.
        """
        lines = [f"{method} {path} HTTP/1.1", *heads, "Connection: close"]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines).encode("latin-1")
        return self.raw(head + b"\r\n\r\n" + body.encode())


@contextmanager
def serving(folder: Path, *, host: str = "127.0.0.1", **env: str) -> Iterator[WebServer]:
    with serving_in_processes(1, folder, host=host, **env) as server:
        yield server


@contextmanager
def serving_in_processes(
    processes: int, folder: Path, *, host: str = "127.0.0.1", **env: str
) -> Iterator[WebServer]:
    folder.mkdir(exist_ok=True)
    server = WebServer(folder, host=host, env=env, processes=processes)
    try:
        server.start()
        yield server
    finally:
        server.stop()
