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

URGENT_WAIT_S = 8.0


class _ThreadState(threading.local):
    """Of one thread: calls paid for, and until when its calls wait in
    bulk, in time.monotonic() seconds.
    """

    prepaid_calls = 0
    bulk_until: float | None = None


class Meter:
    """Of one cloud in this process. Safe to use from many threads."""

    def __init__(self, cloud: str, per_second: float) -> None:
        self.budget = Budget(cloud, per_second)
        self._shared = (cloud, per_second)
        self._thread = _ThreadState()
        self._calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def share(self, cloud: str, per_second: float) -> None:
        """Counts calls in the budget of that cloud from now on: the same project under another
        name, or this one.
        """
        if self._shared != (cloud, per_second):
            self._shared = (cloud, per_second)
            self.budget = Budget(cloud, per_second)

    def admit(self) -> None:
        """Waits until one call may be made. Raises OutOfBudget."""
        thread = self._thread
        if thread.prepaid_calls:
            thread.prepaid_calls -= 1
            return
        if thread.bulk_until is not None:
            admitted = self.budget.wait(1, until=thread.bulk_until)
        else:
            until = time.monotonic() + URGENT_WAIT_S
            admitted = self.budget.wait(1, until=until, urgent=True)
        if not admitted:
            raise OutOfBudget(
                "The call budget of this cloud is used up for the moment; nothing was asked."
            )

    def ended(self, class_name: str) -> None:
        """Counts a call that ended; "ok", or the class of its error."""
        with self._lock:
            self._calls[class_name] += 1

    def drain(self) -> Counter[str]:
        """Returns the calls that ended since the last drain, by class."""
        with self._lock:
            calls = self._calls
            self._calls = Counter()
        return calls

    @contextmanager
    def prepaid(self) -> Iterator[None]:
        """The next call of this thread is paid for already."""
        self._thread.prepaid_calls = 1
        try:
            yield
        finally:
            self._thread.prepaid_calls = 0

    @contextmanager
    def bulk(self, *, until: float) -> Iterator[None]:
        """Calls of this thread wait behind urgent ones, at most until
        then, in time.monotonic() seconds.
        """
        self._thread.bulk_until = until
        try:
            yield
        finally:
            self._thread.bulk_until = None
