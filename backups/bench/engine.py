"""The refresh engine: CPU of real workers per backup, against bare loops, openstacksdk and the
naive design.

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
from backups.bench.rig.house import House, Round, forgotten
from backups.bench.rig.naive import naive_worker, refresh
from backups.bench.rig.processes import Process, broker_at, workers

FEW = 1_000
SINGLES = 1_000  # asked about one by one
WARM = 3  # so few are never asked about by the list, which would bring all of them
LATENCY_MS, LATE_GETS = 200, 4_000
BUDGET, BUDGET_WORKERS, BUDGET_SECONDS = 20.0, 4, 60.0


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
    most_at_once: int  # requests for one backup


def run(report: Report) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="vbs") as name,
        broker_at(Path(name) / "broker") as url,
        forgotten(),
    ):
        house = House(Path(name), url)
        few, many = _compared(report, house), _costs(house, size())
        report.head(f"CPU per backup at {size():,} tracked")
        report.row(
            "sweep, unchanged / bare list-page loop",
            many.unchanged,
            "µs",
            reference=many.page,
            most=5,
        )
        report.row(
            "sweep, changed / bare list-page loop", many.changed, "µs", reference=many.page, most=20
        )
        for word in ("single", "unchanged", "changed"):
            now, before = getattr(many, word), getattr(few, word)
            report.row(f"{word} / the same at {FEW:,}", now, "µs", reference=before, most=1.3)
        _latency(report, house)
        _budget(report, house)
        most = max(few.most_at_once, many.most_at_once)
        report.row("requests for one backup at any time in all of this", most, "", most=1)


def _compared(report: Report, house: House) -> Costs:
    """At 1,000 tracked, each beside the bare thing; a sweep of so few carries its fixed costs."""
    report.head(f"CPU per backup at {FEW:,} tracked, everything of ours included")
    with CloudProcess(backups=FEW) as cloud:
        url, token, ids = cloud.ask("vbs_endpoint"), cloud.ask("issue_token"), cloud.ask("ids")
        house.connect(cloud)
        house.track(ids)
        naive = _naive(house, url, token, ids)
    with CloudProcess(backups=FEW, flavor="cinder") as cloud:
        sdk_get, sdk_list = bare.sdk(cloud.ask("cloud_entry"), cloud.ask("ids"))
    ours = _costs(house, FEW)
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
    report.row("single GET / openstacksdk get_backup loop", ours.single, "µs", reference=sdk_get)
    report.row(
        "sweep, unchanged / openstacksdk backups(details=True)",
        ours.unchanged,
        "µs",
        reference=sdk_list,
    )
    report.row(
        "sweep, changed / openstacksdk backups(details=True)",
        ours.changed,
        "µs",
        reference=sdk_list,
    )
    return ours


def _costs(house: House, tracked: int) -> Costs:
    """What one worker spends with so many tracked. Singles last: a refused list is not tried again
    for a while.
    """
    rounds = max(2, 10_000 // tracked)
    pages: list[float] = []
    unchanged, changes, singles = list[Round](), list[Round](), list[Round]()
    with _worked(house, tracked, type_full=0) as (cloud, ids, worker):
        for _ in range(rounds):
            pages.append(_page(cloud, tracked))
            unchanged.append(house.round(worker, ids))
    for turn in range(min(rounds, 4)):
        with _worked(house, tracked, type_full=1 - turn % 2, anew=False, port=cloud.port) as (
            cloud,
            ids,
            worker,
        ):
            pages.append(_page(cloud, tracked))
            changes.append(house.round(worker, ids))
    with _worked(house, tracked, type_full=1 - turn % 2, anew=False, port=cloud.port) as (
        cloud,
        ids,
        worker,
    ):
        cloud.refuse_lists()
        house.round(worker, ids[:50])
        gets: list[float] = []
        for _ in range(3):
            gets.append(
                bare.single_gets(cloud.ask("vbs_endpoint"), cloud.ask("issue_token"), ids[:SINGLES])
            )
            singles.append(house.round(worker, ids[:SINGLES]))
        costs = (_mean(singles), _mean(unchanged), _mean(changes), fmean(gets), fmean(pages))
        return Costs(*costs, most_at_once=cloud.ask("max_in_flight_per_backup"))


def _page(cloud: CloudProcess, tracked: int) -> float:
    return bare.list_pages(cloud.ask("vbs_endpoint"), cloud.ask("issue_token"), tracked)


@contextmanager
def _worked(
    house: House, tracked: int, *, type_full: int, anew: bool = True, port: int = 0
) -> Iterator[tuple[CloudProcess, list[str], Sequence[Process]]]:
    """A cloud, all of it tracked and known, and a worker that has warmed up."""
    with CloudProcess(backups=tracked, type_full=type_full, port=port) as cloud:
        house.connect(cloud)
        ids = cloud.ask("ids")
        if anew:
            house.track(ids)
        ids = house.tracked(ids)
        with workers(house.env) as worker:
            house.round(worker, ids if anew else ids[:WARM])
            yield cloud, ids, worker


def _naive(house: House, url: str, token: str, ids: Sequence[str]) -> float:
    sender = Celery("bench", broker=house.env["CELERY_BROKER_URL"], set_as_current=False)
    with naive_worker(house.env) as worker:

        def send(some: Sequence[str]) -> None:
            for one in some:
                sender.send_task(refresh.name, (one, url, token))

        house.measured([worker], ids[:20], send)
        return house.measured([worker], ids, send).microseconds


def _latency(report: Report, house: House) -> None:
    report.head(f"One worker process, {LATENCY_MS} ms latency, no budget")
    with CloudProcess(backups=LATE_GETS, latency_ms=LATENCY_MS) as cloud:
        cloud.refuse_lists()
        house.connect(cloud)
        ids = cloud.ask("ids")
        house.track(ids)
        with workers(house.env) as worker:
            house.round(worker, ids[:200])
            done = house.round(worker, ids)
            report.row("single GETs", done.backups / done.wall, "/s", least=200)
            report.row("memory of the worker process", worker[0].rss_mb, "MB", most=150)


def _budget(report: Report, house: House) -> None:
    report.head(
        f"A budget of {BUDGET:g} calls per second, {BUDGET_WORKERS} worker processes, demand "
        "without end"
    )
    demand = int(BUDGET * BUDGET_SECONDS * 3)
    with CloudProcess(backups=demand) as cloud:
        cloud.refuse_lists()
        house.connect(cloud, requests_per_second=BUDGET)
        house.track(cloud.ask("ids"))
        with workers(house.env, count=BUDGET_WORKERS):
            rate = house.saturate(cloud, seconds=BUDGET_SECONDS)
        report.row(
            "calls per second over a minute", rate, "/s", reference=BUDGET, least=0.95, most=1.05
        )
        report.row(
            "requests for one backup at once", cloud.ask("max_in_flight_per_backup"), "", most=1
        )


def _mean(rounds: Sequence[Round]) -> float:
    return fmean(one.microseconds for one in rounds)
