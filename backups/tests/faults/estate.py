"""A whole installation on eight hosts: two workers, two schedulers, web, broker, database and
cloud, each on a host of its own. Tests kill its parts and pull the cables of its hosts.
"""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from backups.runner import broker, parts
from backups.runner.part import Part as PartPlan
from backups.runner.ports import listen
from backups.simulator import Simulator
from backups.tests.faults.installation import CLOUD, Installation
from backups.tests.faults.network import Host, Network
from backups.tests.faults.parts import ListeningPostgreSQL, Part
from backups.tests.faults.rabbitmq import RabbitMQ
from backups.tests.waiting import wait_until

CALLS_PER_SECOND = 20
VALKEY_PORT = 6379
CONNECT_S = 5.0
# Longer than a silent peer goes unnoticed.
CUT_OFF_S = 30
HOLD_THE_CLOUD = f"""
import time
import django; django.setup()
from django.db import transaction
from backups.shared.locks import lock_cloud
with transaction.atomic():
    lock_cloud("{CLOUD}")
    print("holds the cloud", flush=True)
    time.sleep(100)
"""


class Estate(Installation):
    """`parts` are by the names of their hosts in `on`. Nothing is shared but what is asked over the
    network: each host has a data folder of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.network = Network(
            *("worker-a", "worker-b", "scheduler-a", "scheduler-b"),
            *("web", "broker", "database", "cloud"),
        )
        hosts = self.network.hosts
        with hosts["cloud"].inside():
            sim = Simulator(host=hosts["cloud"].address, latency_ms=20).start()
        super().__init__(folder, sim)
        self._clouds_file = folder / "clouds.yaml"
        self._clouds_file.write_text(
            sim.clouds_yaml(CLOUD, vbs_requests_per_second=CALLS_PER_SECOND)
        )
        at_broker = hosts["broker"]
        self.database = ListeningPostgreSQL(
            folder, address=hosts["database"].address, before=hosts["database"].before
        )
        self.rabbitmq = RabbitMQ(
            folder / "rabbitmq", address=at_broker.address, before=at_broker.before
        )
        self.broker_url = self.rabbitmq.url
        self.broker = self.rabbitmq.part
        self.valkey_url = f"redis://:word-for-tests@{at_broker.address}:{VALKEY_PORT}/0"
        self.valkey = self._valkey(at_broker)
        with hosts["web"].inside():
            self._listener = listen(hosts["web"].address, 0)
        self._port = int(self._listener.getsockname()[1])
        self.url = f"http://{hosts['web'].address}:{self._port}"
        self.on: dict[str, Part] = {}
        self._plan()

    def _valkey(self, host: Host) -> Part:
        options = f"--bind {host.address} --port {VALKEY_PORT} --requirepass word-for-tests"
        argv = (*host.before, broker.find_server(), *options.split(), "--save", "")
        return Part(argv, {"PATH": os.environ["PATH"]}, self.folder / "valkey.log")

    def _plan(self) -> None:
        """Parts that know the broker of now, not yet started."""
        web = parts.web_part(self._listener.fileno(), port=self._port)
        self.on = {
            "web": self._part("web", web),
            "worker-a": self._part("worker-a", parts.worker_part()),
            "worker-b": self._part("worker-b", parts.worker_part()),
            "scheduler-a": self._part("scheduler-a", parts.beat_part()),
            "scheduler-b": self._part("scheduler-b", parts.beat_part()),
        }
        self.parts = list(self.on.values())

    def _part(self, name: str, plan: PartPlan) -> Part:
        host = self.network.hosts[name]
        env = {**self.env(host), **plan.env}
        argv = (*host.before, *plan.argv)
        return Part(argv, env, self.folder / f"{name}.log", plan.pass_fds)

    def env(self, host: Host) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "DJANGO_SETTINGS_MODULE": "vbsdash.settings",
            "OS_CLIENT_CONFIG_FILE": str(self._clouds_file),
            "VBSDASH_DATA_DIR": str(self.folder / host.name),
            "VBSDASH_HOST": host.address,
            "SECRET_KEY": "one key for all hosts, which is as long as Django wants it to be",
            "DATABASE_URL": self.database.url,
            "CELERY_BROKER_URL": self.broker_url,
        }

    def open(self) -> None:
        self.rabbitmq.open()
        self.start_broker()
        self.database.part.start()
        web = self.network.hosts["web"]
        self.begin(self.env(web), before=web.before)

    def close(self) -> None:
        self.end()
        self.valkey.end()
        self.broker.end()
        self.rabbitmq.close()
        self.database.part.end(signal.SIGINT)
        self._listener.close()
        self.sim.stop()
        self.network.close()

    def at_the_desk(self) -> AbstractContextManager[None]:
        return self.network.hosts["web"].inside()

    def move_to(self, url: str, server: Part) -> None:
        """All parts take this broker from now on."""
        if self.broker_url == url:
            return
        if server.process is None:
            server.start()
        for part in self.parts:
            part.end()
        self.broker_url = url
        self.broker = server
        self._plan()
        for part in self.parts:
            part.start()

    def start_broker(self) -> None:
        """Returns when it takes connections, which is long after its start."""
        self.broker.start()
        place = urlsplit(self.broker_url)
        address = (place.hostname or "", place.port or 0)
        wait_until(lambda: self._is_answered(address), self.broker.log.read_text)

    def _is_answered(self, address: tuple[str, int]) -> bool:
        with self.at_the_desk():
            try:
                socket.create_connection(address, timeout=CONNECT_S).close()
            except OSError:
                return False
        return True

    def is_whole(self) -> bool:
        """The parts that the others can do without are there, too."""
        servers = (self.database.part, self.broker, *self.parts)
        is_running = [part.process is not None and not part.died for part in servers]
        return all(is_running) and super().is_whole()

    def mend(self) -> None:
        self.network.plug(*self.network.hosts)
        self.sim.clear_faults()
        self.sim.latency_ms = 20
        for part in (self.database.part, self.broker, *self.parts):
            if part.process is None or part.died:
                part.start()

    # What tests see of the hosts

    def askers(self) -> set[str]:
        """The names of the hosts that asked the cloud about a backup since its record was
        forgotten.
        """
        addresses = {record.client for record in self.sim.requests if "/backups/" in record.path}
        hosts = self.network.hosts.values()
        return {host.name for host in hosts if host.address in addresses}

    def asked_about(self) -> set[str]:
        """The IDs of the backups that the cloud was asked about since its record was forgotten."""
        return {record.path.rpartition("/")[2] for record in self.sim.requests}

    def asks(self, name: str) -> None:
        """Returns when this host has asked the cloud something from now on."""
        self.sim.forget_requests()
        wait_until(lambda: name in self.askers(), lambda: f"{name} asks nothing: {self.logs()}")

    def goes_on_without(self, name: str) -> None:
        """Every backup gets fresh again by answers that other hosts have asked for."""
        wait_until(self._nothing_is_under_way, lambda: "the cloud still answers this host")
        self.recovers(datetime.now(UTC))
        if name in self.askers():
            # What it had sent before may have been read only now; nothing more can come.
            self.sim.forget_requests()
            self.recovers(datetime.now(UTC))
        assert name not in self.askers()
        assert self.askers() != set()

    def _nothing_is_under_way(self) -> bool:
        self.sim.forget_requests()
        return self.sim.max_in_flight == 0

    @contextmanager
    def in_a_transaction(self, name: str) -> Iterator[None]:
        """A process on this host holds the row that all who store answers of the cloud wait for."""
        host = self.network.hosts[name]
        argv = (*host.before, sys.executable, "-c", HOLD_THE_CLOUD)
        holder = Part(argv, self.env(host), self.folder / f"holder-on-{name}.log")
        holder.start()
        try:
            wait_until(lambda: "holds" in holder.log.read_text(), holder.log.read_text)
            yield
        finally:
            holder.kill()
