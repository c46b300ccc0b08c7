"""What the machine was like while the tests ran: a red test names its cause, and two
machines can be compared.

A pytest plugin, loaded by `addopts` in pyproject.toml.
"""

import os
import random
import time
import timeit
from datetime import UTC, datetime

import pytest

from backups.tests.run_settings import PATIENCE, START

# always the same work: about 50 ms on a quiet machine of 2026
LOOP = "sum(n * n for n in range(1_000_000))"
BEGAN = pytest.StashKey[tuple[datetime, tuple[float, float, float]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Chooses the seed of all generated examples once, so that every worker has it and a failure
    can be repeated.
    """
    config.stash[BEGAN] = (datetime.now(UTC), os.getloadavg())
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(random.randrange(1 << 32))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    best = min(timeit.repeat(LOOP, number=1, repeat=5))
    terminalreporter.write_line(
        f"reference: python -m timeit '{LOOP}' takes {best * 1000:.0f} ms here and now"
    )
    if exitstatus == pytest.ExitCode.OK:
        return
    began, load = config.stash[BEGAN]
    terminalreporter.section("the machine and the run")
    for line in (
        f"clock       {began:%a %Y-%m-%d %H:%M:%S} to {datetime.now(UTC):%a %H:%M:%S} UTC",
        f"test clock  each test began at {START.isoformat()} (VBSDASH_TEST_CLOCK)",
        f"time zone   {'/'.join(time.tzname)} (TZ={os.environ.get('TZ', 'not set')})",
        f"load        {_averages(load)} at the start, {_averages(os.getloadavg())} at the end",
        f"cores       {len(os.sched_getaffinity(0))} of {os.cpu_count()}",
        f"seed        --hypothesis-seed={config.option.hypothesis_seed}",
        f"patience    VBSDASH_TEST_PATIENCE={PATIENCE:g}",
    ):
        terminalreporter.write_line(line)


def _averages(load: tuple[float, float, float]) -> str:
    return " ".join(f"{one:.1f}" for one in load)
