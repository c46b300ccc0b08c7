"""Waits for an event that must come, with one generous limit, never by a stop-watch."""

import time
from collections.abc import Callable

from backups.tests.run_settings import LIMIT_S

LOOK_EVERY_S = 0.02


def wait_until(
    condition: Callable[[], bool], why: Callable[[], str] = lambda: "it never came"
) -> None:
    """Returns as soon as `condition` holds; fails with the sentence of `why` when
    the limit is reached.
    """
    gives_up_at = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < gives_up_at, why()
        time.sleep(LOOK_EVERY_S)
