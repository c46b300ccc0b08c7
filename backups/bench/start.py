"""The default set-up as an operator meets it: how soon it is there, what it costs, how soon a
pasted ID is a row.

`make run` runs in a fresh copy of the project with an empty home. It is the same on every database,
so it is measured once, where the bench is on SQLite.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psutil
import requests
from django.conf import settings
from django.db import connection

from backups.bench.report import Report
from backups.vbs.client import Client
from backups.vbs.clouds import load_clouds
from backups.vbs.paging import entry_id

READY = re.compile(r"\| vbsdash +(http://[\d.]+:\d+)/")
PASSWORD = re.compile(r"\| password +(\S+)")
INSTALLING = re.compile(r"^installing requirements\.txt", re.M)
REQUESTS = 1000
SLOW_API_MS = 100
IDS = 5
BROWSERS = 4
PAGES = (
    "/",
    "/backups/",
    "/backups/{id}/",
    "/clouds/",
    "/api/backups/",
    "/api/backups/{id}/",
    "/api/summary/",
    "/readyz",
)


class Running:
    """A `make run` in `project` once its banner is shown; `seconds` from the first
    key to the banner.
    """

    def __init__(self, project: Path, log: Path, **more: str) -> None:
        env = {
            "PATH": os.defpath + os.pathsep + os.environ["PATH"],
            "HOME": str(project.parent),
            "PORT": "0",
        }
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        began = time.monotonic()
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                ["make", "run"],  # noqa: S607 - found as an operator's shell finds it
                cwd=project,
                env={**env, **pip, **more},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.installed_after = 0.0
        self._log = log
        installed = project / ".venv" / ".installed-requirements.txt"
        while not READY.search(self.output):
            if self.process.poll() is not None or time.monotonic() - began > 600:
                self.stop()
                raise RuntimeError(f"make run did not get ready:\n{self.output}")
            if INSTALLING.search(self.output) and not installed.exists():
                self.installed_after = time.monotonic() - began
            time.sleep(0.05)
        self.seconds = time.monotonic() - began

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def url(self) -> str:
        banner = READY.search(self.output)
        return banner[1] if banner else ""

    def signed_in(self, password: str) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        page = session.get(f"{self.url}/accounts/login/", timeout=30).text
        token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[0]
        form = {"username": "admin", "password": password, "csrfmiddlewaretoken": token}
        session.post(f"{self.url}/accounts/login/", form, timeout=30).raise_for_status()
        return session

    def memory(self) -> int:
        """Bytes of all its processes; what they share is divided among them (PSS)."""
        parent = psutil.Process(self.process.pid)
        processes = [parent, *parent.children(recursive=True)]
        return sum(process.memory_full_info().pss for process in processes)

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> float:
        """Seconds until the last process has ended after SIGTERM."""
        if self.process.poll() is not None:
            return 0.0
        children = psutil.Process(self.process.pid).children(recursive=True)
        began = time.monotonic()
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)
        psutil.wait_procs(children, 20)
        return time.monotonic() - began


def run(report: Report) -> None:
    if connection.vendor != "sqlite":
        return
    report.head("The default set-up")
    with tempfile.TemporaryDirectory(prefix="vbs") as folder:
        project = _copy(Path(folder))
        with Running(project, Path(folder) / "first.log") as first:
            report.row("first start: .venv and installation", first.installed_after, "s")
            report.row(
                "first start: from there to the first page",
                first.seconds - first.installed_after,
                "s",
            )
            report.row("first start in all", first.seconds, "s", most=180)
            password = PASSWORD.findall(first.output)[0]
            report.row("stop by SIGTERM", first.stop(), "s", most=10)
        with Running(project, Path(folder) / "later.log") as later:
            report.row("later start", later.seconds, "s", most=10)
            _ask(later, password)
            report.row(
                f"memory of all processes after {REQUESTS:,} requests",
                later.memory() / 1e6,
                "MB",
                most=450,
            )
        with (
            _slow_cloud(Path(folder)) as clouds_file,
            Running(
                project, Path(folder) / "real.log", OS_CLIENT_CONFIG_FILE=str(clouds_file)
            ) as real,
        ):
            seconds = _rows(real, PASSWORD.findall(real.output)[0], clouds_file)
            report.row(
                f"submit to decoded row, API at {SLOW_API_MS} ms, slowest of {IDS}",
                seconds,
                "s",
                most=3,
            )


def _copy(folder: Path) -> Path:
    """Copies what a clone holds, without what this working copy has grown."""
    left_out = shutil.ignore_patterns(
        ".venv", "var", ".git", "__pycache__", ".*_cache", ".hypothesis", ".env", "clouds.yaml"
    )
    return Path(shutil.copytree(settings.BASE_DIR, folder / "project", ignore=left_out))


def _ask(running: Running, password: str) -> None:
    """Asks for a thousand pages and API answers, as four browsers do."""
    sessions = [running.signed_in(password) for _ in range(BROWSERS)]
    backup_id = _first_backup(running, sessions[0])

    def ask(n: int) -> None:
        path = PAGES[n % len(PAGES)].format(id=backup_id)
        sessions[n % BROWSERS].get(running.url + path, timeout=60).raise_for_status()

    with ThreadPoolExecutor(BROWSERS) as browsers:
        list(browsers.map(ask, range(REQUESTS)))


def _first_backup(running: Running, session: requests.Session) -> str:
    """Returns the ID of a backup as soon as there is any: the demo follows what its cloud lists."""
    while True:
        answer = session.get(f"{running.url}/api/backups/?limit=1", timeout=30)
        backups = answer.json()["results"]
        if backups:
            return str(backups[0]["id"])
        time.sleep(0.5)


@contextlib.contextmanager
def _slow_cloud(folder: Path) -> Iterator[Path]:
    """The clouds.yaml of a simulated cloud, a process of its own, that answers after 100 ms."""
    file = folder / "clouds.yaml"
    argv = [
        sys.executable,
        "manage.py",
        "simulate_vbs",
        "--backups=50",
        f"--latency-ms={SLOW_API_MS}",
        "--name=slow",
        f"--clouds-file={file}",
    ]
    with subprocess.Popen(argv, cwd=settings.BASE_DIR, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - ourselves
        while not file.exists():
            time.sleep(0.05)
        yield file
        process.terminate()


def _rows(running: Running, password: str, clouds_file: Path) -> float:
    """Seconds from sending the form until the backup's page shows its status;
    the slowest of five.
    """
    session = running.signed_in(password)
    slowest = 0.0
    for backup_id in _ids(clouds_file)[:IDS]:
        page = session.get(f"{running.url}/backups/add/", timeout=30).text
        token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[0]
        form = {"cloud": "slow", "backup_ids": backup_id, "csrfmiddlewaretoken": token}
        began = time.monotonic()
        session.post(f"{running.url}/backups/add/", form, timeout=30).raise_for_status()
        address = f"{running.url}/api/backups/{backup_id}/"
        while session.get(address, timeout=30).json()["status"] is None:
            if time.monotonic() - began > 30:
                break
            time.sleep(0.05)
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.3)
    return slowest


def _ids(clouds_file: Path) -> list[str]:
    folder = clouds_file.parent
    clouds = load_clouds({"OS_CLIENT_CONFIG_FILE": str(clouds_file)}, cwd=folder, home=folder)
    client = Client(clouds["slow"], clock=lambda: datetime.now(UTC))
    entries = client.list_backups(limit=IDS)
    client.close()
    return [str(entry_id(entry)) for entry in entries]
