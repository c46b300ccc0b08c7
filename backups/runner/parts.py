"""The parts of vbsdash and how each is started."""

import os
import signal
import sys
from pathlib import Path

from backups.runner.broker import Broker
from backups.runner.part import Part

DEMO_BACKUPS, DEMO_LATENCY_MS = 300, 20
_ENV = {
    "PYTHONUNBUFFERED": "1",
    # glibc: one heap per thread costs memory and gives nothing under the GIL
    "MALLOC_ARENA_MAX": "2",
}


def broker_part(broker: Broker) -> Part:
    """Valkey's advice about overcommit is for databases of many gigabytes; ours holds a few
    kilobytes.
    """
    return Part(
        "broker",
        broker.argv,
        stops_last=True,
        not_said="Memory overcommit must be enabled",
        last_signal=signal.SIGTERM,  # it saves what it holds
    )


def demo_part(port: int, clouds_file: Path) -> Part:
    """The simulator on a fixed port, so that it comes back where the others look for it."""
    options = {
        "--port": port,
        "--latency-ms": DEMO_LATENCY_MS,
        "--backups": DEMO_BACKUPS,
        "--clouds-file": clouds_file,
    }
    words = [str(word) for option in options.items() for word in option]
    return Part(
        "demo", (sys.executable, "manage.py", "simulate_vbs", *words), stops_last=True, env=_ENV
    )


def worker_part() -> Part:
    options = (
        "--pool threads --concurrency 16 -Q interactive,bulk,celery --without-gossip "
        "--without-mingle"
    )
    return _celery("worker", *options.split())


def beat_part() -> Part:
    return _celery("beat", "--pidfile=")


def _celery(name: str, *options: str) -> Part:
    """`-W`: without it Celery warns at each start as root, which is how containers run."""
    python = (sys.executable, "-W", "ignore:::celery.platforms", "-m", "celery")
    return Part(
        name, (*python, "--quiet", "--app", "vbsdash", "--skip-checks", name, *options), env=_ENV
    )


def web_part(listen_fd: int) -> Part:
    """One process with threads (memory); the socket is the runner's, so requests wait while this
    part restarts.
    """
    options = (
        f"--bind fd://{listen_fd} --workers 1 --worker-class gthread --threads 8 "
        "--graceful-timeout 5 --keep-alive 15 "
        # bytes, the most it takes: a list's whole state is in its address
        "--limit-request-line 8190 "
        "--no-control-socket --log-level warning --config python:backups.runner.gunicorn_conf"
    )
    tmp = ("--worker-tmp-dir", "/dev/shm") if os.access("/dev/shm", os.W_OK) else ()  # noqa: S108  no disk behind it
    argv = (sys.executable, "-m", "gunicorn", "vbsdash.wsgi", *options.split(), *tmp)
    return Part("web", argv, env=_ENV, pass_fds=(listen_fd,))
