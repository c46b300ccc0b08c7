"""What each process of vbsdash costs: noted by itself now and then, read by whoever is asked for
metrics.
"""

import os
import socket
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError
from prometheus_client import CollectorRegistry, ProcessCollector

from backups.models import Process

EVERY = 15.0  # seconds between two notes of a process
FORGOTTEN = timedelta(minutes=5)  # a process that was silent for so long has ended
_noted = 0.0  # of this process, on the monotonic clock
_lock = threading.Lock()


@dataclass(frozen=True)
class ProcessFigures:
    """`figures` by name: cpu_seconds_total, resident_memory_bytes, start_time_seconds, open_fds,
    …
    """

    part: str
    host: str
    pid: int
    figures: dict[str, float]


def note(part: str, now: datetime) -> None:
    """Write down what this process costs, at most every 15 s. A database that is away is no reason
    to fail.
    """
    global _noted
    with _lock:
        if time.monotonic() - _noted < EVERY:
            return
        _noted = time.monotonic()
    words = {"part": part, "at": now, "figures": _own()}
    try:
        Process.objects.update_or_create(host=socket.gethostname(), pid=os.getpid(), defaults=words)
        Process.objects.filter(at__lt=now - FORGOTTEN).delete()
    except DatabaseError:
        # the part that asked says so itself, and /readyz does; these figures come again in 15 s
        return


def running(now: datetime) -> list[ProcessFigures]:
    """The processes that were heard of lately, on all hosts."""
    rows = Process.objects.filter(at__gt=now - FORGOTTEN).order_by("part", "host", "pid")
    return [ProcessFigures(row.part, row.host, row.pid, row.figures) for row in rows]


def _own() -> dict[str, float]:
    found = ProcessCollector(registry=CollectorRegistry()).collect()
    return {
        sample.name.removeprefix("process_"): sample.value
        for family in found
        for sample in family.samples
    }
