"""The refresh engine: CPU of real workers per backup, against bare loops, openstacksdk
and the naive design.

The simulator runs in a process of its own. Single GETs are forced by refusing the list call; a
sweep in which every backup changed by starting the cloud anew with the other meaning of Type.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from celery import Celery

from backups.bench.report import Report, size
from backups.bench.rig import bare
from backups.bench.rig.cloud import CloudProcess
from backups.bench.rig.installation import Installation, Round, forgotten
from backups.bench.rig.naive import naive_worker, refresh
from backups.bench.rig.processes import Process, broker_at, workers

FEW = 1_000
SINGLES = 1_000  # Asked about singly.
WARM_UP_IDS = 3  # So few are never asked about by the list, which would bring all of them.
LATENCY_MS = 200
LATE_GETS = 4_000
BUDGET = 20.0  # Calls per second.
BUDGET_WORKERS = 4
BUDGET_SECONDS = 60.0


@dataclass(frozen=True)
class Costs:
    """Microseconds of CPU per backup; `get`, `page`: of the bare loops, run between the rounds at
    the same cloud.
    """

    single: float
    unchanged: float
    changed: float
    get: float
    page: float
    most_at_once: int  # Requests for one backup.


@dataclass(frozen=True)
class Setup:
    """A cloud, all of it tracked and known, and a worker that has warmed up."""

    installation: Installation
    cloud: CloudProcess
    ids: list[str]
    worker: Sequence[Process]

    def round(self, ids: Sequence[str] | None = None) -> float:
        """Microseconds of CPU per backup; of all backups unless some are named."""
        return self.installation.round(self.worker, self.ids if ids is None else ids).microseconds


def run(report: Report) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="vbs") as name,
        broker_at(Path(name) / "broker") as url,
        forgotten(),
    ):
        installation = Installation(Path(name), url)
        few = _compared(report, installation)
        many = _costs(installation, size())
        report.head(f"CPU per backup at {size():,} tracked")
        report.row(
            "sweep, unchanged / bare list-page loop",
            many.unchanged,
            "µs",
            reference=many.page,
            most=8,
        )
        report.row(
            "sweep, changed / bare list-page loop", many.changed, "µs", reference=many.page, most=20
        )
        _growth(report, "single", many.single, few.single)
        _growth(report, "unchanged", many.unchanged, few.unchanged)
        _growth(report, "changed", many.changed, few.changed)
        _latency(report, installation)
        _budget(report, installation)
        most = max(few.most_at_once, many.most_at_once)
        report.row("requests for one backup at any time in all of this", most, "", most=1)


def _growth(report: Report, name: str, many: float, few: float) -> None:
    report.row(f"{name} / the same at {FEW:,}", many, "µs", reference=few, most=1.3)


def _compared(report: Report, installation: Installation) -> Costs:
    """Measures at 1,000 tracked, each beside the bare thing; a sweep of so few
    carries its fixed costs.
    """
    report.head(f"CPU per backup at {FEW:,} tracked, everything of ours included")
    with CloudProcess(backups=FEW) as cloud:
        ids = cloud.ask("ids")
        installation.connect(cloud)
        installation.track(ids)
        naive = _naive(installation, cloud, ids)
    with CloudProcess(backups=FEW, flavor="cinder") as cloud:
        sdk = bare.sdk(cloud.ask("cloud_entry"), cloud.ask("ids"))
    ours = _costs(installation, FEW)
    report.row(
        "single GET in batches / bare requests loop",
        ours.single,
        "µs",
        reference=ours.get,
        most=1.4,
    )
    report.row("sweep, unchanged / bare list-page loop", ours.unchanged, "µs", reference=ours.page)
    report.row("sweep, changed / bare list-page loop", ours.changed, "µs", reference=ours.page)
    report.row("single GET / naive design, a task per backup", ours.single, "µs", reference=naive)
    report.row("sweep, unchanged / naive design", ours.unchanged, "µs", reference=naive)
    report.row("single GET / openstacksdk get_backup loop", ours.single, "µs", reference=sdk.single)
    report.row(
        "sweep, unchanged / openstacksdk backups(details=True)",
        ours.unchanged,
        "µs",
        reference=sdk.listed,
    )
    report.row(
        "sweep, changed / openstacksdk backups(details=True)",
        ours.changed,
        "µs",
        reference=sdk.listed,
    )
    return ours


def _costs(installation: Installation, tracked: int) -> Costs:
    """Measures what one worker spends with so many tracked. Singles last: a refused list is not
    tried again for a while.
    """
    rounds = max(2, 10_000 // tracked)
    pages: list[float] = []
    unchanged: list[float] = []
    changes: list[float] = []
    with _new_setup(installation, tracked) as setup:
        port = setup.cloud.port
        for _ in range(rounds):
            pages.append(_page(setup.cloud, tracked))
            unchanged.append(setup.round())
    type_full = 0
    for _ in range(min(rounds, 4)):
        type_full = 1 - type_full
        with _restarted_setup(installation, tracked, type_full, port) as setup:
            pages.append(_page(setup.cloud, tracked))
            changes.append(setup.round())
    with _restarted_setup(installation, tracked, type_full, port) as setup:
        cloud = setup.cloud
        cloud.refuse_lists()
        setup.round(setup.ids[:50])
        ids = setup.ids[:SINGLES]
        gets: list[float] = []
        singles: list[float] = []
        for _ in range(3):
            gets.append(bare.single_gets(cloud.ask("vbs_endpoint"), cloud.ask("issue_token"), ids))
            singles.append(setup.round(ids))
        return Costs(
            single=fmean(singles),
            unchanged=fmean(unchanged),
            changed=fmean(changes),
            get=fmean(gets),
            page=fmean(pages),
            most_at_once=cloud.ask("max_in_flight_per_backup"),
        )


def _page(cloud: CloudProcess, tracked: int) -> float:
    return bare.list_pages(cloud.ask("vbs_endpoint"), cloud.ask("issue_token"), tracked)


@contextmanager
def _new_setup(installation: Installation, tracked: int) -> Iterator[Setup]:
    """A new cloud, of which all is tracked anew and asked about once."""
    with CloudProcess(backups=tracked, type_full=0) as cloud:
        installation.connect(cloud)
        installation.track(cloud.ask("ids"))
        with _with_worker(installation, cloud) as setup:
            setup.round()
            yield setup


@contextmanager
def _restarted_setup(
    installation: Installation, tracked: int, type_full: int, port: int
) -> Iterator[Setup]:
    """The same cloud, started anew with a meaning of Type; only a few are asked
    about, to warm up.
    """
    with CloudProcess(backups=tracked, type_full=type_full, port=port) as cloud:
        installation.connect(cloud)
        with _with_worker(installation, cloud) as setup:
            setup.round(setup.ids[:WARM_UP_IDS])
            yield setup


@contextmanager
def _with_worker(installation: Installation, cloud: CloudProcess) -> Iterator[Setup]:
    ids = installation.tracked(cloud.ask("ids"))
    with workers(installation.env) as worker:
        yield Setup(installation, cloud, ids, worker)


def _naive(installation: Installation, cloud: CloudProcess, ids: Sequence[str]) -> float:
    url = cloud.ask("vbs_endpoint")
    token = cloud.ask("issue_token")
    broker_url = installation.env["CELERY_BROKER_URL"]
    sender = Celery("bench", broker=broker_url, set_as_current=False)
    with naive_worker(installation.env) as worker:

        def send(backup_ids: Sequence[str]) -> None:
            for backup_id in backup_ids:
                sender.send_task(refresh.name, (backup_id, url, token))

        installation.measured([worker], ids[:20], send)
        return installation.measured([worker], ids, send).microseconds


def _latency(report: Report, installation: Installation) -> None:
    report.head(f"One worker process, {LATENCY_MS} ms latency, no budget")
    with CloudProcess(backups=LATE_GETS, latency_ms=LATENCY_MS) as cloud:
        cloud.refuse_lists()
        installation.connect(cloud)
        ids = cloud.ask("ids")
        installation.track(ids)
        with workers(installation.env) as worker:
            installation.round(worker, ids[:200])
            measured: Round = installation.round(worker, ids)
            report.row("single GETs", measured.backups / measured.wall, "/s", least=200)
            report.row("memory of the worker process", worker[0].rss_mb, "MB", most=150)


def _budget(report: Report, installation: Installation) -> None:
    report.head(
        f"A budget of {BUDGET:g} calls per second, {BUDGET_WORKERS} worker processes, demand "
        "without end"
    )
    demand = int(BUDGET * BUDGET_SECONDS * 3)
    with CloudProcess(backups=demand) as cloud:
        cloud.refuse_lists()
        installation.connect(cloud, requests_per_second=BUDGET)
        installation.track(cloud.ask("ids"))
        with workers(installation.env, count=BUDGET_WORKERS):
            rate = installation.saturate(cloud, seconds=BUDGET_SECONDS)
        report.row(
            "calls per second over a minute", rate, "/s", reference=BUDGET, least=0.95, most=1.05
        )
        report.row(
            "requests for one backup at once", cloud.ask("max_in_flight_per_backup"), "", most=1
        )
