"""Stores what each process of vbsdash costs: noted by itself now and then, read for metrics."""

import os
import socket
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError
from prometheus_client import CollectorRegistry, ProcessCollector

from backups.models import Process

NOTE_EVERY_S = 15.0
FORGOTTEN_AFTER = timedelta(minutes=5)  # a process that was silent for so long has ended
_noted = 0.0  # when this process was noted last, in time.monotonic() seconds
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
    """Stores what this process costs, at most every 15 s. A database that is away is no error."""
    global _noted
    with _lock:
        if time.monotonic() - _noted < NOTE_EVERY_S:
            return
        _noted = time.monotonic()
    columns = {"part": part, "at": now, "figures": _own_figures()}
    try:
        Process.objects.update_or_create(
            host=socket.gethostname(), pid=os.getpid(), defaults=columns
        )
        Process.objects.filter(at__lt=now - FORGOTTEN_AFTER).delete()
    except DatabaseError:
        # The part that asked says so itself, and /readyz does. The figures come again in 15 s.
        return


def running(now: datetime) -> list[ProcessFigures]:
    """Returns the processes that noted themselves lately, on all hosts."""
    rows = Process.objects.filter(at__gt=now - FORGOTTEN_AFTER).order_by("part", "host", "pid")
    return [ProcessFigures(row.part, row.host, row.pid, row.figures) for row in rows]


def _own_figures() -> dict[str, float]:
    figures: dict[str, float] = {}
    for family in ProcessCollector(registry=CollectorRegistry()).collect():
        for sample in family.samples:
            figures[sample.name.removeprefix("process_")] = sample.value
    return figures
