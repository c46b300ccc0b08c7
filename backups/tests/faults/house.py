"""A whole installation on one machine: web, worker and scheduler as real processes; broker,
database and cloud that tests break.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backups.runner import broker, parts
from backups.runner.part import Part as PartPlan
from backups.runner.ports import listen
from backups.simulator import Simulator
from backups.tests.faults.installation import CLOUD, Installation
from backups.tests.faults.parts import Part, database
from backups.tests.faults.proxy import Proxy
from backups.tests.faults.rabbitmq import RabbitMQ


class House(Installation):
    """`rabbitmq`: the broker is a RabbitMQ, else the embedded Valkey."""

    def __init__(self, folder: Path, *, postgresql: bool, rabbitmq: bool = False) -> None:
        super().__init__(folder, Simulator(latency_ms=20).start())
        self.database = database(folder, postgresql=postgresql)
        self._rabbitmq = RabbitMQ(folder / "rabbitmq") if rabbitmq else None
        if self._rabbitmq is not None:
            self._rabbitmq.open()
            self.proxy = Proxy(self._rabbitmq.port)
            self.broker_url = f"amqp://guest:guest@127.0.0.1:{self.proxy.port}//"
            self.broker = self._rabbitmq.part
        else:
            prepared = broker.prepare(folder / "broker", folder / "broker-url")
            self.proxy = Proxy(prepared.port)
            self.broker_url = f"redis://:{prepared.password}@127.0.0.1:{self.proxy.port}/0"
            self.broker = Part(prepared.argv, {"PATH": os.environ["PATH"]}, folder / "broker.log")
        self.env = self._environment()
        self._listener = listen("127.0.0.1", 0)
        self._port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self._port}"
        self.worker, self.beat = self.part(parts.worker_part()), self.part(parts.beat_part())
        self.web = self.part(parts.web_part(self._listener.fileno(), port=self._port))
        self.parts = (self.web, self.worker, self.beat)

    def _environment(self) -> dict[str, str]:
        clouds = self.folder / "clouds.yaml"
        clouds.write_text(self.sim.clouds_yaml(CLOUD, vbs_requests_per_second=100))
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "DJANGO_SETTINGS_MODULE": "vbsdash.settings",
            "OS_CLIENT_CONFIG_FILE": str(clouds),
            "VBSDASH_DATA_DIR": str(self.folder / "data"),
            "DATABASE_URL": self.database.url,
            "CELERY_BROKER_URL": self.broker_url,
        }

    def part(self, plan: PartPlan) -> Part:
        """One more of these processes, not yet started."""
        log = self.folder / f"{plan.name}.log"
        return Part(plan.argv, {**self.env, **plan.env}, log, plan.pass_fds)

    def open(self) -> None:
        self.broker.start()
        self.begin(self.env)

    def close(self) -> None:
        self.end()
        self.broker.end()
        if self._rabbitmq is not None:
            self._rabbitmq.close()
        self._listener.close()
        self.proxy.close()
        self.sim.stop()
        self.database.close()

    def mend(self) -> None:
        for part in (self.broker, *self.parts):
            if part.process is None:
                part.start()
        self.proxy.open.set()
        self.sim.clear_faults()

    @contextmanager
    def frozen(self, one: Part) -> Iterator[None]:
        """It keeps its memory and its connections, and does nothing."""
        one.send(signal.SIGSTOP)
        try:
            yield
        finally:
            one.send(signal.SIGCONT)
