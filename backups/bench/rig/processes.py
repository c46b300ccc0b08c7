"""A broker and Celery workers as real processes, and what they cost."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from django.conf import settings

from backups.runner import broker, parts

START_SECONDS = 20.0
LOG = "BENCH_LOG"


@contextmanager
def broker_at(folder: Path) -> Iterator[str]:
    """Runs an embedded broker of our own and gives its address."""
    url_file = folder / "url"
    prepared = broker.prepare(folder, url_file)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(prepared.argv, stdout=log, stderr=log)  # noqa: S603 - the embedded broker
    try:
        deadline = time.monotonic() + START_SECONDS
        while not prepared.answers():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the broker did not start within {START_SECONDS:.0f} s")
            time.sleep(0.05)
        yield url_file.read_text().strip()
    finally:
        process.terminate()
        process.wait(10)


class Process:
    """A running worker, its children included. What it prints goes into the file that
    `env` names as LOG.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        with Path(env[LOG]).open("ab") as log:
            self._popen = subprocess.Popen(  # noqa: S603 - ours
                argv, env={**os.environ, **env}, cwd=settings.BASE_DIR, stdout=log, stderr=log
            )
        self._process = psutil.Process(self._popen.pid)

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far, of those that still run."""
        seconds = 0.0
        for process in [self._process, *self._process.children(recursive=True)]:
            times = process.cpu_times()
            seconds += times.user + times.system
        return seconds

    @property
    def rss_mb(self) -> float:
        return float(self._process.memory_info().rss) / 1e6

    def stop(self) -> None:
        self._popen.send_signal(signal.SIGTERM)
        try:
            self._popen.wait(10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait(10)


@contextmanager
def workers(env: Mapping[str, str], *, count: int = 1) -> Iterator[list[Process]]:
    """Workers as `make run` starts them."""
    part = parts.worker_part()
    running = [Process(part.argv, {**part.env, **env}) for _ in range(count)]
    try:
        yield running
    finally:
        for worker in running:
            worker.stop()
