"""`manage.py simulate_vbs`: runs the VBS simulator, as the demo cloud or to try vbsdash with."""

import os
import signal
import tempfile
import threading
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from backups.simulator import KINDS, Fault, FaultError, Simulator, parse_fault
from backups.simulator.far_side import channels_yaml
from backups.simulator.listing import Paging

# The simulator records its requests for tests. Nobody reads them here.
RECORDED_REQUESTS = 100
FAULTS = "; ".join(f"{kind}: {meaning}" for kind, meaning in KINDS.items())


class Command(BaseCommand):
    help = (
        "Serve a simulated VBS or CBR, Keystone and volume list on 127.0.0.1 until SIGTERM or "
        "Ctrl-C; prints a clouds.yaml."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own way of saying it

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
        parser.add_argument("--backups", type=int, default=300, help="how many to generate")
        parser.add_argument("--latency-ms", type=float, default=20)
        parser.add_argument(
            "--fault", action="append", default=[], metavar="KIND,WORD=VALUE,…", help=FAULTS
        )
        parser.add_argument("--paging", choices=["marker", "offset"], default="marker")
        parser.add_argument("--flavor", choices=["vbs", "cinder"], default="vbs")
        service = parser.add_mutually_exclusive_group()
        service.add_argument(
            "--api", choices=["vbs", "cbr"], default="vbs", help="cbr: the successor of VBS alone"
        )
        service.add_argument(
            "--both",
            action="store_true",
            help="both for one project, on the move from VBS to CBR; prints two clouds",
        )
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--type-full", type=int, choices=[0, 1], default=0)
        parser.add_argument(
            "--clouds-file", type=Path, help="write the clouds.yaml here (mode 0600), not to stdout"
        )
        parser.add_argument(
            "--channels-file",
            type=Path,
            help="write two channels of alarms there: one takes what it is sent, the other fails",
        )
        parser.add_argument("--name", default="demo", help="name of the cloud in clouds.yaml")

    def handle(
        self,
        *,
        port: int,
        backups: int,
        latency_ms: float,
        fault: list[str],
        paging: Paging,
        flavor: str,
        api: str,
        both: bool,
        seed: int,
        type_full: int,
        clouds_file: Path | None,
        channels_file: Path | None,
        name: str,
        **options: object,
    ) -> None:
        faults = _faults(fault)
        if flavor == "cinder" and (both or api == "cbr"):
            raise CommandError(
                "Stock Cinder has no CBR beside it; leave out --flavor cinder.", returncode=2
            )
        stop = threading.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: stop.set())
        try:
            simulator = Simulator(
                port=port,
                backups=backups,
                latency_ms=latency_ms,
                paging=paging,
                flavor=flavor,
                api="both" if both else api,
                seed=seed,
                type_full=type_full,
                keep_requests=RECORDED_REQUESTS,
            )
        except OSError as e:
            raise CommandError(
                f"Port {port} cannot be used ({e.strerror}); choose another with --port.",
                returncode=2,
            ) from e
        with simulator:
            for parsed_fault in faults:
                simulator.fault(parsed_fault)
            if channels_file is not None:
                _write_secret(channels_file, channels_yaml(simulator.url))
            self._announce(simulator, clouds_file, name)
            stop.wait()

    def _announce(self, simulator: Simulator, path: Path | None, name: str) -> None:
        text = simulator.clouds_yaml(name)
        if path is None:
            self.stdout.write(text, ending="")
        else:
            _write_secret(path, text)
            what = "VBS and CBR" if simulator.api == "both" else simulator.api.upper()
            self.stdout.write(f"Simulated {what} at {simulator.url}, cloud {name!r} in {path}")
        self.stdout.flush()


def _faults(texts: list[str]) -> list[Fault]:
    try:
        return [parse_fault(text) for text in texts]
    except FaultError as e:
        raise CommandError(f"--fault: {e}", returncode=2) from e


def _write_secret(path: Path, text: str) -> None:
    """Replaces `path` in one step by a file that only its owner can ever read."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(temporary).replace(path)
