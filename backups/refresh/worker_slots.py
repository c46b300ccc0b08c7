"""How much one worker process does at a time, so that a slow cloud takes no room from the others or
from people.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

IN_BULK = 10  # pieces of bulk work at once; a worker has 16 threads, the rest is for people
OF_ONE_CLOUD = 2  # … of which for one cloud
FOR_PEOPLE = 4  # pieces of interactive work at once for one cloud

_busy: Counter[str] = Counter()
_lock = threading.Lock()


@contextmanager
def worker_slot(cloud: str, *, interactive: bool = False) -> Iterator[bool]:
    """Was one free? If not nothing is lost: what is due stays due, and the next dispatch names it
    again.
    """
    own, most = (f"people/{cloud}", FOR_PEOPLE) if interactive else (f"bulk/{cloud}", OF_ONE_CLOUD)
    with _lock:
        free = _busy[own] < most and (interactive or _busy["bulk"] < IN_BULK)
        if free:
            _busy[own] += 1
            _busy["bulk"] += not interactive
    try:
        yield free
    finally:
        if free:
            with _lock:
                _busy[own] -= 1
                _busy["bulk"] -= not interactive
