"""The command line of each part."""

import signal
import sys
from pathlib import Path

from backups.runner.broker import Broker
from backups.runner.part import Part

DEMO_BACKUPS = 300
DEMO_LATENCY_MS = 20
_ENV = {
    "PYTHONUNBUFFERED": "1",
    # Of glibc: one heap per thread costs memory and gives nothing under the GIL.
    "MALLOC_ARENA_MAX": "2",
}


def broker_part(broker: Broker) -> Part:
    """Returns the embedded broker.

    Valkey's advice about overcommit is not printed: it is for databases of many gigabytes, and ours
    holds a few kilobytes.
    """
    return Part(
        "broker",
        broker.argv,
        stops_last=True,
        hidden_text="Memory overcommit must be enabled",
        # It saves what it holds before it ends.
        last_signal=signal.SIGTERM,
    )


def demo_part(port: int, clouds_file: Path) -> Part:
    """Returns the simulator, on a fixed port so that the others find it again after a restart."""
    argv = (
        sys.executable,
        "manage.py",
        "simulate_vbs",
        "--both",
        "--port",
        str(port),
        "--latency-ms",
        str(DEMO_LATENCY_MS),
        "--backups",
        str(DEMO_BACKUPS),
        "--clouds-file",
        str(clouds_file),
        "--channels-file",
        str(clouds_file.with_name("channels.yaml")),
    )
    return Part("demo", argv, stops_last=True, env=_ENV)


def worker_part(name: str | None = None) -> Part:
    """Returns a worker; `name` tells it from others of its host."""
    options = (
        "--pool threads --concurrency 16 -Q interactive,bulk,celery --without-gossip "
        "--without-mingle"
    )
    own_name = () if name is None else ("--hostname", f"{name}@%h")
    return _celery("worker", *options.split(), *own_name)


def beat_part() -> Part:
    return _celery("beat", "--pidfile=")


def _celery(name: str, *options: str) -> Part:
    """Returns a process of Celery. Without the `-W` it warns at each start as root, which
    is how containers run.
    """
    python = (sys.executable, "-W", "ignore:::celery.platforms", "-m", "celery")
    argv = (*python, "--quiet", "--app", "vbsdash", "--skip-checks", name, *options)
    return Part(name, argv, env=_ENV)


def web_part(listen_fd: int, *, port: int, processes: int = 1) -> Part:
    """Returns gunicorn with one worker, which saves memory, or more; `gunicorn_conf` has its other
    options.

    The socket is the runner's, so requests wait while this part restarts. `port` is the socket's,
    also where PORT is 0: cookies are named after it.
    """
    options = (
        f"--bind fd://{listen_fd} --workers {processes} --log-level warning "
        "--config python:backups.runner.gunicorn_conf"
    ).split()
    argv = (sys.executable, "-m", "gunicorn", "vbsdash.wsgi", *options)
    return Part("web", argv, env={**_ENV, "PORT": str(port)}, pass_fds=(listen_fd,))
