"""Runs the long tests, and proves the tests themselves: the same verdict at another time, in
another order, anywhere.

    python -m backups.tests.rig              what CI runs after `make test`, the runs marked SHORT
    python -m backups.tests.rig long         all others
    python -m backups.tests.rig NAME ...     these

`make soak` calls it. What a file needs of the machine decides where it can be proved:

* Most files need nothing: their clock is set (`conftest.py`), and they wait for events alone.
* Browser tests (marked `browser`) need Chromium, whose own clock is the real one, so they are left
  out of the shifted runs; what a page shows is a matter of the server's clock.
* `runner/`, `vbsdash/test_settings.py`, `vbsdash/test_garbage.py`, `simulator/test_command.py`,
  `test_tasks.py`, `deploy/test_examples.py`, `stories/test_readme_examples.py` and
  `bench/test_bench.py` start processes of their own. Those that get an empty environment see the
  real clock, the others the shifted one.
* What is marked `real_clock` is about the clock and the silence of a whole installation, or has
  processes with one clock between them, as who signs people in and who lets them in. It is left out
  of the shifted runs. `faults/test_hosts.py` needs root: its hosts are network namespaces.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FOUR_WORKERS = ("-n", "4", "--dist", "each")
PLAIN = "not soak"
WITHOUT_BROWSER = "not soak and not browser"
# ends with the rig, however that ends
BUSY = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"
NICE = ("nice", "-n", "5")  # beside the busy loops a quarter of a processor is left
SHIFTED_CLOCK = str(PROJECT / "backups" / "tests" / "shifted_clock")
RANDOM_ORDER = ("--random-order-bucket=module", "--random-order-seed")
LEAP_DAY = "2028-02-29T23:59:30+00:00"
# The rooms that reckon with dates and hours, and hardly start a process for it.
RECKONS_WITH_TIME = [
    f"backups/tests/{room}"
    for room in (
        "analysis",
        "clouds",
        "derived",
        "edits",
        "metrics",
        "query",
        "refresh",
        "reports",
        "shared",
    )
]
# Of the fast part: files that once hung on the hour, on a second that was crossed, or on the speed
# of the machine.
ONCE_FRAGILE = [
    f"backups/tests/{name}"
    for name in (
        "clouds/test_rate_limit.py",
        "refresh/test_claims.py",
        "shared/test_clock.py",
        "stories/test_demo.py",
        "stories/test_page_questions.py",
        "test_tasks.py",
        "runner/test_readiness.py",
        "runner/test_supervisor.py",
        "simulator/test_faults.py",
        "simulator/test_history.py",
    )
]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of pytest. `before` stands in front of its command line; `busy`: how many
    loops run beside it.
    """

    name: str
    what: str
    marked: str
    short: bool = False
    words: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    busy: int = 0


def shifted(
    name: str, *, now: str, zone: str, rooms: Sequence[str] = (), short: bool = False
) -> Run:
    """The part without a browser at another time: every process starts then, and
    each test begins then. `rooms`: these alone.
    """
    of_whom = "for the rooms that reckon with it" if rooms else "for all"
    return Run(
        name=name,
        what=f"it is {now} in {zone} {of_whom}; in a random order, on either database",
        marked=f"{WITHOUT_BROWSER} and not real_clock",
        short=short,
        words=(
            "--one-database",
            *RANDOM_ORDER,
            name,
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",
            *rooms,
        ),
        env={
            "TZ": zone,
            "PYTHONPATH": SHIFTED_CLOCK,
            "VBSDASH_RIG_NOW": now,
            "VBSDASH_TEST_CLOCK": now,
        },
    )


RUNS = (
    Run(name="soak", what="the long tests", marked="soak and not long", short=True),
    shifted(
        "leap-day",
        now=LEAP_DAY,
        zone="Pacific/Auckland",
        rooms=RECKONS_WITH_TIME,
        short=True,
    ),
    Run(
        name="slow",
        what="what was fragile once, niced beside two busy loops",
        marked=WITHOUT_BROWSER,
        short=True,
        words=tuple(ONCE_FRAGILE),
        before=NICE,
        busy=2,
    ),
    Run(
        name="other-database",
        what="what `make test` runs on one database, on the other",
        marked="either and not soak",
        words=("--other-database",),
    ),
    Run(name="longest", what="the longest tests", marked="long"),
    Run(
        name="other-database-of-soak",
        what="what `soak` runs on one database, on the other",
        marked="soak and either",
        words=("--other-database",),
    ),
    shifted("summer", now="2027-03-28T00:59:30+00:00", zone="Europe/Berlin"),
    shifted("winter", now="2027-10-31T00:59:30+00:00", zone="Europe/Berlin"),
    shifted("new-year", now="2026-12-31T23:59:30+00:00", zone="America/St_Johns"),
    shifted("leap-day-everywhere", now=LEAP_DAY, zone="Pacific/Auckland"),
    Run(
        name="very-slow",
        what="all tests beside two busy loops, niced",
        marked=PLAIN,
        before=NICE,
        env={"VBSDASH_TEST_PATIENCE": "3"},
        busy=2,
    ),
    Run(
        name="random", what="all tests in a random order", marked=PLAIN, words=(*RANDOM_ORDER, "7")
    ),
    Run(name="alone", what="each file of tests alone, on SQLite", marked=WITHOUT_BROWSER),
)


def main(names: list[str]) -> int:
    chosen = [run for run in RUNS if run.name in names or ("long" in names and not run.short)]
    if not names:
        chosen = [run for run in RUNS if run.short]
    unknown = set(names) - {run.name for run in RUNS} - {"long"}
    if unknown or not chosen:
        sys.exit(
            f"rig: no run is called {', '.join(sorted(unknown))}; there are: "
            f"{', '.join(r.name for r in RUNS)}"
        )
    outcomes = [(run, *_timed(run)) for run in chosen]
    print("\nthe rig:")
    for run, code, seconds in outcomes:
        print(f"  {'green' if code == 0 else 'RED  '}  {seconds:5.0f} s  {run.name}: {run.what}")
    return int(any(code for _, code, _ in outcomes))


def _timed(run: Run) -> tuple[int, float]:
    print(f"\n=== {run.name}: {run.what}", flush=True)
    began = time.monotonic()
    with ExitStack() as stack:
        for _ in range(run.busy):
            stack.enter_context(_busy_loop())
        code = (
            _each_file_alone(run)
            if run.name == "alone"
            else _pytest(run, *FOUR_WORKERS, *run.words)
        )
    return code, time.monotonic() - began


def _pytest(run: Run, *words: str) -> int:
    argv = [*run.before, sys.executable, "-m", "pytest", "-q", "-m", run.marked, *words]
    return subprocess.run(argv, cwd=PROJECT, env={**os.environ, **run.env}, check=False).returncode


def _each_file_alone(run: Run) -> int:
    """A file without any test of this mark ends with 5: nothing to prove."""
    files = sorted(
        str(file.relative_to(PROJECT)) for file in (PROJECT / "backups/tests").rglob("test_*.py")
    )
    red = [file for file in files if _pytest(run, file) not in (0, 5)]
    for file in red:
        print(f"RED when it runs alone: {file}")
    return int(bool(red))


@contextmanager
def _busy_loop() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
