"""What a page says of vbsdash itself: which part does not work, in one sentence, and since when.

A thread of each web process asks all parts every few seconds, so a page neither waits for a broker
that is away nor asks the database for this.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from backups.reports import readiness
from backups.reports.readiness import OK, Readiness

logger = logging.getLogger(__name__)
CHECK_EVERY_S = 15.0  # so that pages name it within 30 s, with what the check itself takes
KEY = "illness"
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


@dataclass(frozen=True)
class Illness:
    """`sentence` is of the part that explains the others; `others`: how many more there are.
    `since`: as far as this process or the database knows. `stops`: something stands still by it.
    """

    part: str
    sentence: str
    since: datetime
    others: int
    stops: bool


def current() -> Illness | None:
    """Returns what the last check of this process came to; asks nobody."""
    illness: Illness | None = cache.get(KEY)
    return illness


def note(state: Readiness, now: datetime) -> Illness | None:
    """Keeps what a check came to for the pages of this process."""
    illness = _illness(state, now, before=current())
    cache.set(KEY, illness, None)
    return illness


def _illness(state: Readiness, now: datetime, *, before: Illness | None) -> Illness | None:
    failing = {part: sentence for part, sentence in state.parts.items() if sentence != OK}
    sentences = failing or state.warnings
    if not sentences:
        return None
    part = next(iter(sentences))
    since = state.since.get(part)
    if since is None:
        is_the_same = before is not None and before.part == part
        since = before.since if before is not None and is_the_same else now
    return Illness(part, sentences[part], since, len(sentences) - 1, stops=bool(failing))


class Watched:
    """A WSGI application whose process checks itself from its first request on.

    Not from its start: a thread does not outlive the fork of `gunicorn --preload`.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._ends = threading.Event()
        self._make_lock()
        os.register_at_fork(after_in_child=self._make_lock)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if self._thread is None:
            self._watch()
        return self._application(environ, start_response)

    def close(self) -> None:
        """Ends the checks; a process that ends does so by itself."""
        self._ends.set()
        if self._thread is not None:
            self._thread.join()

    def _make_lock(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def _watch(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._check_for_ever, daemon=True)
                self._thread.start()

    def _check_for_ever(self) -> None:
        while not self._ends.is_set():
            try:
                now = timezone.now()
                note(readiness.check(now), now)
            except Exception:
                # The next check is a new one.
                logger.exception("the check of all parts has failed")
            finally:
                connection.close()
            self._ends.wait(CHECK_EVERY_S)
