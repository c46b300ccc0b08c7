"""Every call to a cloud passes here: admitted by the cloud's budget, counted by how it ended.

Work in bulk pays for many calls at once (`prepaid`); any other call waits some seconds for its
turn, before the bulk.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from backups.clouds.rate_limit import Budget
from backups.vbs.errors import OutOfBudget

PATIENCE = 8.0  # seconds


class _Mine(threading.local):
    """Of one thread: calls paid for, and whether it works in bulk."""

    prepaid = 0
    bulk_until: float | None = None


class Meter:
    """Of one cloud in this process. Safe to use from many threads."""

    def __init__(self, cloud: str, per_second: float) -> None:
        self.budget = Budget(cloud, per_second)
        self._shared = (cloud, per_second)
        self._mine = _Mine()
        self._calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def share(self, cloud: str, per_second: float) -> None:
        """From now on calls count in the budget of that cloud: the same project under another name,
        or this one.
        """
        if self._shared != (cloud, per_second):
            self._shared = (cloud, per_second)
            self.budget = Budget(cloud, per_second)

    def admit(self) -> None:
        mine = self._mine
        if mine.prepaid:
            mine.prepaid -= 1
            return
        urgent = mine.bulk_until is None
        until = time.monotonic() + PATIENCE if mine.bulk_until is None else mine.bulk_until
        if not self.budget.wait(1, until=until, urgent=urgent):
            raise OutOfBudget(
                "The call budget of this cloud is used up for the moment; nothing was asked."
            )

    def ended(self, class_name: str) -> None:
        with self._lock:
            self._calls[class_name] += 1

    def drain(self) -> Counter[str]:
        """The calls that ended since the last drain, by class; "ok" is one."""
        with self._lock:
            calls, self._calls = self._calls, Counter()
        return calls

    @contextmanager
    def prepaid(self) -> Iterator[None]:
        """The next call of this thread is paid for already."""
        self._mine.prepaid = 1
        try:
            yield
        finally:
            self._mine.prepaid = 0

    @contextmanager
    def bulk(self, *, until: float) -> Iterator[None]:
        """Calls of this thread wait behind urgent ones, at most until then, in time.monotonic()
        seconds.
        """
        self._mine.bulk_until = until
        try:
            yield
        finally:
            self._mine.bulk_until = None
