"""Many browsers that keep pages open while the refresh runs: how soon a poll is answered, how many
are answered 304, and whether the refresh gets through.

The web part, a worker, the scheduler and the broker run as `make run` starts them, on the database
of the bench, with a simulated cloud that lives on and is asked singly, as often as its budget
allows. Browsers are threads of this process: they hold their connection, and ask with
`If-None-Match` as poll.js does. What the same web part takes for an empty answer meanwhile stands
beside.

`VBSDASH_BENCH_BROWSERS` sets how many there are (200), `VBSDASH_BENCH_PACE_S` how often each asks
(10 s), `VBSDASH_BENCH_SECONDS` for how long (90 s), `VBSDASH_BENCH_WEB` how many processes the web
part has (one for each core).
"""

import gzip
import math
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from backups.bench.fill import CLOUD, KEEP, SEED, ready
from backups.bench.report import Report, p95, size
from backups.bench.rig.cloud import CloudProcess
from backups.bench.rig.processes import LOG, Process, broker_at, workers
from backups.models import Account, Backup, Cloud, Role
from backups.runner import parts, ports
from backups.shared import bulk
from backups.vbs import payload

READERS = 20
BUDGET = 20.0  # Calls per second.
LATENCY_MS = 20
LONGEST_S = 60.0  # For an answer; it is a failure then.
WARM_UP_S = 20.0
PAGE_ENTRIES = 1000
# The figures to reach.
POLL_MS = 300
FIRST_PAGE_KB = 90
REFRESH_SHARE = 0.9  # Of the budget.
# What is open in ten browsers; {backup} is the page of one.
PAGES = (
    "/",
    "/",
    "/",
    "/backups/",
    "/backups/",
    "/backups/?ordering=attention",
    "/backups/?status=error&tracking_state=fresh",
    "/volumes/",
    "/failures/",
    "{backup}",
)
_ETAG = re.compile(r'data-etag="([^"]*)"')


def _setting(name: str, default: int) -> int:
    return int(os.environ.get(f"VBSDASH_BENCH_{name}") or default)


@dataclass
class Measured:
    """Seconds of each answer, of polls and of whole pages; `statuses` of the polls."""

    polls: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    page_bytes: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    empty: list[float] = field(default_factory=list)


class Browser:
    """A page that somebody has open."""

    def __init__(self, port: int, cookie: str, path: str, measured: Measured) -> None:
        self._port = port
        self._headers = {"Cookie": cookie, "Accept-Encoding": "gzip", "Host": "localhost"}
        self._path = path
        self._measured = measured
        self._connection = HTTPConnection("127.0.0.1", port, timeout=LONGEST_S)
        self._etag = ""

    def open(self) -> None:
        seconds, status, body = self._ask({})
        if status != 200:
            raise RuntimeError(f"{self._path} answered {status}")
        self._measured.pages.append(seconds)
        self._measured.page_bytes.append(len(body))
        self._note(body)

    def poll(self) -> None:
        headers = {"HX-Request": "true", "If-None-Match": f'"{self._etag}"'}
        seconds, status, body = self._ask(headers)
        self._measured.polls.append(seconds)
        self._measured.statuses[status] += 1
        if status == 200:
            self._note(body)

    def _note(self, body: bytes) -> None:
        text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        [self._etag] = _ETAG.findall(text.decode())

    def _ask(self, headers: dict[str, str]) -> tuple[float, int, bytes]:
        """Returns the seconds, the status and the body as it came; 599 for no answer."""
        began = time.perf_counter()
        try:
            self._connection.request("GET", self._path, headers={**self._headers, **headers})
            answer = self._connection.getresponse()
            body = answer.read()
        except OSError:
            self._connection.close()
            return time.perf_counter() - began, 599, b""
        return time.perf_counter() - began, answer.status, body

    def stay(self, *, first_after_s: float, pace_s: float, ends: threading.Event) -> None:
        """Polls at its pace until the end; browsers do not ask at one moment."""
        wait_s = first_after_s
        while not ends.wait(wait_s):
            began = time.perf_counter()
            self.poll()
            wait_s = max(0.0, pace_s - (time.perf_counter() - began))


def run(report: Report) -> None:
    ready(timezone.now())
    browsers = _setting("BROWSERS", 200)
    report.head(f"{browsers} browsers at {size():,} backups, with the refresh running")
    options = {"backups": size(), "seed": SEED, "keep": KEEP, "latency_ms": LATENCY_MS}
    with (
        tempfile.TemporaryDirectory(prefix="vbs") as name,
        broker_at(Path(name) / "broker") as broker_url,
        CloudProcess(lives=True, **options) as cloud,
    ):
        _know_answers(cloud)
        cloud.refuse_lists()
        _make_all_due()
        env = _environment(Path(name), broker_url, cloud)
        with _web(env) as port, workers(env), _scheduler(env):
            _measure(report, port, cloud, browsers)


def _know_answers(cloud: CloudProcess) -> None:
    """Lets what is stored be equal to what this very cloud answers, as after its first refresh: its
    answers hold its own address.
    """
    url = cloud.ask("vbs_endpoint")
    headers = {"X-Auth-Token": cloud.ask("issue_token")}
    offset = 0
    with requests.Session() as session:
        while True:
            address = f"{url}/backups/detail?limit={PAGE_ENTRIES}&offset={offset}"
            entries = session.get(address, headers=headers, timeout=LONGEST_S).json()["backups"]
            if not entries:
                return
            rows = [[uuid.UUID(entry["id"]), payload.receive(entry).digest] for entry in entries]
            bulk.update(Backup, ["digest"], rows)
            offset += len(entries)


def _make_all_due() -> None:
    """Far more is due than the budget serves, the longest due first, and nothing is stale by it."""
    now = timezone.now()
    Backup.objects.filter(cloud=CLOUD).update(next_refresh_at=now)
    Cloud.objects.filter(pk=CLOUD).update(list_error=None, list_lacks=None)


def _environment(folder: Path, broker_url: str, cloud: CloudProcess) -> dict[str, str]:
    clouds_file = folder / "clouds.yaml"
    extra = {"vbs_requests_per_second": BUDGET, "vbs_type_full": 0, "vbs_follow": "all"}
    clouds_file.write_text(cloud.ask("clouds_yaml", CLOUD, **extra))
    return {
        "CELERY_BROKER_URL": broker_url,
        "REDIS_URL": broker_url,
        "OS_CLIENT_CONFIG_FILE": str(clouds_file),
        "DATABASE_URL": str(settings.ENV.get("DATABASE_URL", "")),
        LOG: str(folder / "log"),
    }


@contextmanager
def _web(env: dict[str, str]) -> Iterator[int]:
    """Runs the web part and gives its port."""
    listener = ports.listen("127.0.0.1", 0)
    processes = _setting("WEB", os.cpu_count() or 1)
    part = parts.web_part(listener.fileno(), port=settings.LISTEN_PORT, processes=processes)
    with Path(env[LOG]).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - ours
            part.argv,
            env={**os.environ, **part.env, **env, "PORT": str(settings.LISTEN_PORT)},
            cwd=settings.BASE_DIR,
            pass_fds=part.pass_fds,
            stdout=log,
            stderr=log,
        )
    try:
        yield listener.getsockname()[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        listener.close()


@contextmanager
def _scheduler(env: dict[str, str]) -> Iterator[None]:
    """Runs the scheduler; without it every page would say that it is missing, and for how long."""
    part = parts.beat_part()
    process = Process(part.argv, {**part.env, **env})
    try:
        yield
    finally:
        process.stop()


def _measure(report: Report, port: int, cloud: CloudProcess, count: int) -> None:
    measured = Measured()
    cookies = _cookies()
    backup = Backup.objects.filter(cloud=CLOUD).order_by("-created_at")[0]
    browsers = []
    for number in range(count):
        path = PAGES[number % len(PAGES)].format(backup=f"/backups/{backup.pk}/")
        cookie = cookies[number // len(PAGES) % READERS]
        browsers.append(Browser(port, cookie, path, measured))
    alone = _Empty(port)
    report.row("an empty answer, nobody else there, p95", p95(alone.ask), "ms")
    with ThreadPoolExecutor(8) as opening:
        list(opening.map(Browser.open, browsers))
    pace_s = float(_setting("PACE_S", 10))
    ends = threading.Event()
    threads = []
    for number, browser in enumerate(browsers):
        options = {"first_after_s": pace_s * number / count, "pace_s": pace_s, "ends": ends}
        threads.append(threading.Thread(target=browser.stay, kwargs=options))
    threads.append(threading.Thread(target=alone.stay, args=(measured, ends)))
    for thread in threads:
        thread.start()
    time.sleep(WARM_UP_S)
    measured.polls.clear()
    measured.statuses.clear()
    measured.empty.clear()
    cloud.ask("forget_requests")
    began = time.perf_counter()
    time.sleep(_setting("SECONDS", 90))
    calls: int = cloud.ask("request_count")
    seconds = time.perf_counter() - began
    ends.set()
    for thread in threads:
        thread.join()
    _tell(report, measured, calls / seconds)


def _cookies() -> list[str]:
    """Signs in accounts of each role, a third of which may see named clouds only."""
    name = settings.SESSION_COOKIE_NAME
    cookies = []
    for number in range(READERS):
        user, _ = User.objects.get_or_create(username=f"crowd-{number}")
        account, _ = Account.objects.get_or_create(user=user)
        account.role = list(Role)[number % len(Role)]
        account.all_clouds = number % 3 != 0
        account.save()
        account.clouds.set(Cloud.objects.filter(pk=CLOUD))
        client = Client()
        client.force_login(user)
        cookies.append(f"{name}={client.cookies[name].value}")
    return cookies


class _Empty:
    """Asks the same web part for an answer that needs nothing."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=LONGEST_S)

    def ask(self) -> None:
        self._connection.request("GET", "/healthz", headers={"Host": "localhost"})
        self._connection.getresponse().read()

    def stay(self, measured: Measured, ends: threading.Event) -> None:
        while not ends.wait(0.5):
            began = time.perf_counter()
            self.ask()
            measured.empty.append(time.perf_counter() - began)


def _tell(report: Report, measured: Measured, calls_per_second: float) -> None:
    polls = sum(measured.statuses.values())
    bad = sum(count for status, count in measured.statuses.items() if status >= 500)
    empty_ms = _percentile(measured.empty, 0.95)
    report.row("an empty answer beside the crowd, p95", empty_ms, "ms")
    report.row("a whole page, all opened at once, p95", _percentile(measured.pages, 0.95), "ms")
    kilobytes = max(measured.page_bytes) / 1000
    report.row("the largest page over the wire", kilobytes, "kB", most=FIRST_PAGE_KB)
    report.row("polls", polls, "")
    report.row("a poll, median", _percentile(measured.polls, 0.5), "ms")
    report.row("a poll, p95", _percentile(measured.polls, 0.95), "ms", most=POLL_MS)
    report.row("polls answered 304", 100 * measured.statuses[304] / polls, "%")
    report.row("polls answered 5xx or not at all", bad, "", most=0)
    report.row(
        "calls to the cloud, against its budget",
        calls_per_second,
        "/s",
        reference=BUDGET,
        least=REFRESH_SHARE,
    )


def _percentile(seconds: Sequence[float], share: float) -> float:
    """Returns milliseconds."""
    in_order = sorted(seconds)
    return in_order[math.ceil(share * len(in_order)) - 1] * 1000
