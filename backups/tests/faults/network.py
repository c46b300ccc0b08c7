"""Hosts of a test's own: private network namespaces, each with a cable into one switch.

A cable that is pulled gives silence, as a switch that dies or a firewall that drops: no reset, and
no word that the host is away. Nobody outside sees these hosts, and they see nobody.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

OWN_NETWORK = Path("/proc/thread-self/ns/net")
NAMESPACES = Path("/run/netns")
CLONE_NEWNET = 0x40000000
PREFIX = "vbsdash"
_libc = ctypes.CDLL(None, use_errno=True)


def need_hosts() -> None:
    """Skips the test where no namespaces can be made; in CI that is a failure."""
    cure = "run it as root, with iproute2 (apt-get install iproute2)"
    if os.geteuid() == 0 and shutil.which("ip"):
        probe = f"{PREFIX}-{os.getpid()}-probe"
        made = subprocess.run(
            ["ip", "netns", "add", probe], stderr=subprocess.PIPE, text=True, check=False
        )
        if made.returncode == 0:
            _ip(f"netns del {probe}")
            return
        cure = f"this system makes none ({made.stderr.strip()})"
    sentence = f"no hosts as network namespaces: {cure}"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(f"!!! {sentence} !!!")


@dataclass(frozen=True)
class Host:
    name: str
    address: str
    mac: str
    namespace: str

    @property
    def before(self) -> tuple[str, ...]:
        """What stands in front of a command line that is to run on this host."""
        return ("ip", "netns", "exec", self.namespace)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread is on the host: the sockets that it makes stay there."""
        with OWN_NETWORK.open() as home, (NAMESPACES / self.namespace).open() as away:
            _enter(away.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())


class Network:
    """`names`: of the hosts. A switch joins them."""

    def __init__(self, *names: str) -> None:
        _forget_those_of_killed_tests()
        self._switch = f"{PREFIX}-{os.getpid()}-switch"
        self.hosts = {
            name: Host(
                name, f"10.77.0.{n}", f"02:00:00:00:00:{n:02x}", f"{PREFIX}-{os.getpid()}-{name}"
            )
            for n, name in enumerate(names, start=1)
        }
        _ip(f"netns add {self._switch}")
        self._on_switch("link add switch type bridge", "link set switch up")
        for host in self.hosts.values():
            self._plug_in(host)

    def _plug_in(self, host: Host) -> None:
        _ip(f"netns add {host.namespace}")
        self._on_switch(
            f"link add {host.name} type veth peer name eth0 netns {host.namespace}",
            f"link set {host.name} master switch",
            f"link set {host.name} up",
        )
        # Nobody asks who is there, since whoever gets no answer would be told that nobody is.
        neighbours = [
            f"neigh add {other.address} lladdr {other.mac} dev eth0 nud permanent"
            for other in self.hosts.values()
            if other != host
        ]
        _ip_batch(
            host.namespace,
            "link set lo up",
            f"link set eth0 address {host.mac}",
            f"addr add {host.address}/24 dev eth0",
            "link set eth0 up",
            *neighbours,
        )

    def pull(self, *names: str) -> None:
        self._on_switch(*[f"link set {name} down" for name in names])

    def plug(self, *names: str) -> None:
        self._on_switch(*[f"link set {name} up" for name in names])

    @contextmanager
    def pulled(self, *names: str) -> Iterator[None]:
        """These hosts are cut off."""
        self.pull(*names)
        try:
            yield
        finally:
            self.plug(*names)

    def close(self) -> None:
        for host in self.hosts.values():
            _ip(f"netns del {host.namespace}")
        _ip(f"netns del {self._switch}")

    def _on_switch(self, *commands: str) -> None:
        _ip_batch(self._switch, *commands)


def _ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)


def _ip_batch(namespace: str, *commands: str) -> None:
    text = "\n".join(commands)
    subprocess.run(["ip", "-n", namespace, "-batch", "-"], input=text, text=True, check=True)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _forget_those_of_killed_tests() -> None:
    names = [file.name for file in NAMESPACES.glob(f"{PREFIX}-*-*")]
    for name in names:
        pid = int(name.split("-")[1])
        if not psutil.pid_exists(pid):
            _ip(f"netns del {name}")
