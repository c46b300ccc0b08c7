"""Debian's tinyproxy as the forward proxy of a test: a process in the foreground, all of it on
loopback and in the test's folder.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backups.runner.ports import accepts, free_port
from backups.tests.faults.parts import Part
from backups.tests.waiting import wait_until

SERVER = Path("/usr/bin/tinyproxy")
CONFIG = """
Listen 127.0.0.1
Port {port}
Allow 127.0.0.1
Timeout 60
MaxClients 20
LogLevel Connect
"""


def need_tinyproxy() -> None:
    """Skips the test where there is none; in CI that is a failure."""
    if SERVER.is_file():
        return
    sentence = "there is no tinyproxy: apt-get install tinyproxy"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(f"!!! {sentence} !!!")


class Tinyproxy:
    """A running one; `place` is its host and port."""

    def __init__(self, port: int, part: Part) -> None:
        self.place = f"127.0.0.1:{port}"
        self._part = part

    @property
    def log(self) -> str:
        return self._part.log.read_text()

    @property
    def asked(self) -> list[str]:
        """The first lines of what it was asked: method and target."""
        lines = [line for line in self.log.splitlines() if "Request (file descriptor" in line]
        return [line.partition("): ")[2].removesuffix(" HTTP/1.0") for line in lines]


@contextmanager
def tinyproxy(folder: Path, *, user: str = "", password: str = "") -> Iterator[Tinyproxy]:
    """Runs a forward proxy, which asks for user and password where they are given."""
    folder.mkdir()
    port = free_port()
    config = CONFIG.format(port=port)
    if user:
        config += f"BasicAuth {user} {password}\n"
    file = folder / "tinyproxy.conf"
    file.write_text(config)
    argv = [str(SERVER), "-d", "-c", str(file)]
    part = Part(argv, {"PATH": os.environ["PATH"]}, folder / "log")
    part.start()
    try:
        wait_until(lambda: part.died or accepts(port))
        assert not part.died, part.log.read_text()
        yield Tinyproxy(port, part)
    finally:
        part.end()
