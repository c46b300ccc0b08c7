"""A RabbitMQ of a test's own, Debian's package: all of it on loopback or on a host of
the test's own, all of it ends with the test.
"""

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from backups.runner.ports import free_port
from backups.tests.faults.parts import Part

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one in PATH changes the user
LOOPBACK_ONLY = "-kernel inet_dist_use_interface {127,0,0,1}"


def need_rabbitmq() -> None:
    """Skips the test where there is none; in CI that is a failure."""
    if SERVER.is_file() and shutil.which("epmd"):
        return
    sentence = "there is no RabbitMQ: apt-get install rabbitmq-server"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(f"!!! {sentence} !!!")


class RabbitMQ:
    """`part` is the server; Erlang's port mapper runs beside it from `open` to `close`. `address`:
    where the server listens; `before` stands in front of the command lines.
    """

    def __init__(
        self, folder: Path, *, address: str = "127.0.0.1", before: Sequence[str] = ()
    ) -> None:
        folder.mkdir(mode=0o700)
        # Its user guest may come from another host, too.
        (folder / "rabbitmq.conf").write_text("loopback_users = none\n")
        self.port, mapper, distribution = free_port(), free_port(), free_port()
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(mapper),
            "RABBITMQ_NODENAME": f"vbsdash-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": address,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": LOOPBACK_ONLY,
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "none"),
        }
        self.url = f"amqp://guest:guest@{address}:{self.port}//"
        argv = (*before, "epmd", "-address", "127.0.0.1", "-port", str(mapper))
        self._port_mapper = Part(argv, env, folder / "port-mapper.log")
        self.part = Part((*before, str(SERVER)), env, folder / "rabbitmq.log")

    def open(self) -> None:
        self._port_mapper.start()

    def close(self) -> None:
        self.part.end(signal.SIGKILL)
        self._port_mapper.end(signal.SIGKILL)
