"""Limits how much one worker process does at a time, so that a slow cloud takes no thread from the
other clouds or from people.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

# A worker has 16 threads; what bulk work leaves is for people.
BULK_JOBS = 10
BULK_JOBS_OF_ONE_CLOUD = 2
INTERACTIVE_JOBS_OF_ONE_CLOUD = 4

_bulk_jobs: Counter[str] = Counter()  # running now, by cloud
_interactive_jobs: Counter[str] = Counter()
_lock = threading.Lock()


@contextmanager
def worker_slot(cloud: str, *, interactive: bool = False) -> Iterator[bool]:
    """Takes a slot of this process for one job; yields whether one was free.

    If none was nothing is lost: what is due stays due, and the next dispatch names it again.
    """
    jobs = _interactive_jobs if interactive else _bulk_jobs
    with _lock:
        if interactive:
            is_free = jobs[cloud] < INTERACTIVE_JOBS_OF_ONE_CLOUD
        else:
            is_free = jobs[cloud] < BULK_JOBS_OF_ONE_CLOUD and jobs.total() < BULK_JOBS
        if is_free:
            jobs[cloud] += 1
    try:
        yield is_free
    finally:
        if is_free:
            with _lock:
                jobs[cloud] -= 1
